"""A run's report for people: Markdown with the figure, and what the figure shows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jinja2

from harness.report.tables import class_text, hazard_text, range_text
from harness.report.text import bytes_text, gain_text, seconds_text, speed_text

if TYPE_CHECKING:
    from harness.analysis.regret import Regret
    from harness.config.schema import Config
    from harness.trial import Trial
    from harness.verify import Verification

TEMPLATE = """\
# Copy policy of {{ machine.model_name }}

{{ headline }}

Measured {{ made.created.strftime("%Y-%m-%d %H:%M") }} UTC on {{ machine.label }} ({{ machine.libc }}, Linux {{ machine.kernel_version }}) by
`{{ made.command }}`, run `{{ made.run_id }}`, harness {{ made.harness_version }}{% if made.git_commit %} at {{ made.git_commit }}{% endif %}.
Noise (A/A, 95th percentile): {{ "%.1f"|format(made.noise_percent) }} %. Gains are libc's time over the kernel's, less one,
with {{ "%.0f"|format(100 * made.confidence) }} % intervals; inside the margin a result is a tie, and a tie keeps libc.

![Speed over libc by size](curves.png)

## Policy

| destination − source | sizes | kernel | gain over libc | processes |
|---|---|---|---|---|
{% for entry in classes -%}
{% for rule in entry.rules -%}
| {{ class_text(entry) if loop.first else "" }} | {{ range_text(rule) }} | {{ rule.kernel }} | {{ gain_text(rule.gain, rule.gain_low, rule.gain_high) }} | {{ rule.processes or "" }} |
{% endfor -%}
{% endfor %}
{% if hazards -%}
## Hazards

{% for hazard in hazards -%}
- {{ hazard_text(hazard) }}
{% endfor %}
{% endif -%}
{% if regret -%}
Against the best candidate at each measured point the policy loses {{ "%.1f"|format(100 * regret.mean) }} % in geometric mean.

{% endif -%}
{% if verification -%}
## Verification

{{ verification.cells|length }} cells on fresh processes, at sizes and offsets that the sweep did not measure, in
{{ seconds_text(verification.seconds) }}: {{ "%.2f"|format(verification.speed) }}× libc in geometric mean,
{{ verification.losses|length }} cells slower than libc beyond the margin, regret {{ "%.1f"|format(100 * verification.regret) }} %
in geometric mean.

| condition | size | libc | speed over libc | verdict | best kernel there | regret |
|---|---|---|---|---|---|---|
{% for cell in verification.cells -%}
| {{ cell.condition }} | {{ bytes_text(cell.size) }} | {{ "%.2f"|format(cell.libc_ns) }} ns | {{ speed_text(cell.speed, cell.low, cell.high) }} | {{ cell.verdict }} | {{ cell.best }} | {{ "%.1f"|format(100 * cell.regret) }} % |
{% endfor %}
{% endif -%}
{% for note in notes -%}
Note: {{ note }}.
{% endfor -%}
"""


def markdown(
    config: Config,
    *,
    regret: Regret | None = None,
    trial: Trial | None = None,
    verification: Verification | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The report of a run."""
    environment = jinja2.Environment(autoescape=False, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE).render(
        machine=config.machine,
        made=config.provenance,
        headline=headline_text(config),
        classes=config.policy.classes,
        hazards=config.hazards,
        regret=regret,
        trial=trial,
        verification=verification,
        notes=notes,
        bytes_text=bytes_text,
        class_text=class_text,
        gain_text=gain_text,
        hazard_text=hazard_text,
        range_text=range_text,
        seconds_text=seconds_text,
        speed_text=speed_text,
    )


def headline_text(config: Config) -> str:
    """The plain number people ask for, or why there is none."""
    headline = config.headline
    note = f" ({headline.note})" if headline.note else ""
    if headline.simd_stdlib_crossover is None or headline.low is None or headline.high is None:
        return f"No single crossover between SIMD and libc{note}."
    return (
        f"SIMD and libc cross at {bytes_text(headline.simd_stdlib_crossover)} "
        f"[{bytes_text(headline.low)}, {bytes_text(headline.high)}]{note}."
    )
