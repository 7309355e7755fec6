# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A run's curves and crossovers
#
# Loads what a sweep recorded and draws from it what the report's figure is made of. Nothing is timed here.
#
# Open it with `jupytext --to notebook notebooks/run.py`, or run all of it with `jupytext --execute`. The run is the one
# that `CROSSOVER_RUN` names (a folder), else the last one under `results/runs`.

# %%
# %matplotlib inline
import os
from pathlib import Path

import pandas as pd

from harness import machine, sweep
from harness.measure import journal
from harness.measure.samples import samples
from harness.report.curves import panels
from harness.report.figures import draw
from harness.report.run import headline_text
from harness.report.text import bytes_text, condition_text

PROJECT = next(path for path in [Path.cwd(), *Path.cwd().parents] if (path / "pyproject.toml").exists())
runs = sorted((PROJECT / sweep.RUNS).glob("*/journal.jsonl"), key=lambda path: path.stat().st_mtime)
RUN = Path(os.environ["CROSSOVER_RUN"]) if "CROSSOVER_RUN" in os.environ else runs[-1].parent
RUN.name

# %% [markdown]
# ## What was recorded
#
# One row a timed batch: nanoseconds a call, by block (condition and size), process, round and candidate.

# %%
recorded = journal.read(RUN)
batches = samples(reply for reply in recorded.replies if reply.block.startswith("copy/"))
batches.groupby("condition").agg(
    sizes=("size", "nunique"), candidates=("candidate", "nunique"), processes=("process", "max"), batches=("ns", "size")
).rename(index=condition_text)

# %% [markdown]
# ## What was decided
#
# The same decisions as the sweep's own, made again from the same data.

# %%
result = sweep.analyze(RUN, machine.detect())
rules = pd.DataFrame(
    {
        "where": entry.name,
        "from": bytes_text(rule.low),
        "below": bytes_text(rule.high) if rule.high else "",
        "kernel": rule.kernel,
        "gain, %": rule.gain,
        "low": rule.gain_low,
        "high": rule.gain_high,
        "processes": rule.processes,
    }
    for entry in result.config.policy.classes
    for rule in entry.rules
)
print(headline_text(result.config))
rules

# %% [markdown]
# ## Crossovers
#
# Where the best SIMD kernel and libc overtake each other, under every condition of fixed sizes. No interval is tighter
# than the sizes that were measured around it.

# %%
crossovers = pd.DataFrame(
    {
        "condition": condition_text(condition),
        "below": crossing.below,
        "above": crossing.above,
        "at": bytes_text(crossing.size),
        "low": bytes_text(crossing.low),
        "high": bytes_text(crossing.high),
    }
    for condition, found in result.decisions.crossovers.items()
    for crossing in found
)
crossovers

# %% [markdown]
# ## Curves
#
# Speed over libc with 95 % intervals; inside the grey band a result is a tie. Dotted lines are the policy's cuts.

# %%
figure = draw(panels(result.decisions.comparisons, result.config), f"run {result.header.run}")
figure

# %% [markdown]
# ## How noisy it was
#
# libc against libc under a second name, paired as every candidate is: what differs here is noise.

# %%
noise = result.decisions.comparisons.query("candidate == 'libc@aa'")
noise["estimate"].abs().describe(percentiles=[0.5, 0.95]).rename("|log ratio|").to_frame()
