"""A config for other programs: a C header, a Rust module, a Python module, JSON."""

from __future__ import annotations

import json
import pprint
from collections.abc import Callable
from typing import Final

import msgspec

from harness.config.header import thresholds_h
from harness.config.schema import AlignmentClass, Config, Rule

RUST_BINDINGS: Final = """\
#[repr(C)]
struct XoRule {
    end: usize,
    kernel: u32,
}

#[repr(C)]
struct XoClass {
    mask: usize,
    low: usize,
    span: usize,
    min_size: usize,
    rules: *const XoRule,
    rule_count: usize,
}

#[repr(C)]
struct XoPolicy {
    classes: *const XoClass,
    class_count: usize,
}

extern "C" {
    /// memcpy under the policy in force; the ranges must not overlap.
    pub fn xo_copy(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void;
    /// memmove under the policy in force.
    pub fn xo_move(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void;
    fn xo_kernel_find(name: *const c_char) -> c_int;
    fn xo_policy_install(policy: *const XoPolicy) -> c_int;
    fn xo_status_text(status: c_int) -> *const c_char;
}

/// Puts POLICY in force for this process, or says why not: then the one in force stays.
pub fn install() -> Result<(), String> {
    let mut rules: Vec<Vec<XoRule>> = Vec::new();
    for class in POLICY {
        let mut found = Vec::new();
        for rule in class.rules {
            let name = CString::new(rule.kernel).map_err(|error| error.to_string())?;
            // SAFETY: the name is a C string that outlives the call.
            let kernel = u32::try_from(unsafe { xo_kernel_find(name.as_ptr()) })
                .map_err(|_| format!("there is no kernel {}", rule.kernel))?;
            found.push(XoRule { end: rule.end, kernel });
        }
        rules.push(found);
    }
    let classes: Vec<XoClass> = POLICY
        .iter()
        .zip(&rules)
        .map(|(class, rules)| XoClass {
            mask: class.mask,
            low: class.low,
            span: class.span,
            min_size: class.min_size,
            rules: rules.as_ptr(),
            rule_count: rules.len(),
        })
        .collect();
    let policy = XoPolicy { classes: classes.as_ptr(), class_count: classes.len() };
    // SAFETY: every pointer is to a vector that outlives the call, which copies it; texts are static.
    unsafe {
        match xo_policy_install(&policy) {
            0 => Ok(()),
            status => Err(CStr::from_ptr(xo_status_text(status)).to_string_lossy().into_owned()),
        }
    }
}
"""


def as_rust(config: Config) -> str:
    """A Rust module: the constants, `install` and bindings of `xo_copy` and `xo_move`; link libcrossover."""
    crossover = config.headline.simd_stdlib_crossover
    optional = "None" if crossover is None else f"Some({crossover})"
    return "\n".join(
        [
            "//! Which copy kernel serves which sizes: generated from a thresholds.toml, not to be edited.",
            "",
            "use std::ffi::{c_char, c_int, c_void, CStr, CString};",
            "",
            f'pub const MACHINE_KEY: &str = "{config.machine.key}";',
            f"pub const SIMD_STDLIB_CROSSOVER: Option<usize> = {optional};",
            "",
            "/// Sizes below `end`, and not below the previous rule's, go to `kernel`.",
            "pub struct Rule {",
            "    pub end: usize,",
            "    pub kernel: &'static str,",
            "}",
            "",
            "/// Serves copies of `min_size` bytes or more for which ((dst - src - low) & mask) < span.",
            "pub struct Class {",
            "    pub mask: usize,",
            "    pub low: usize,",
            "    pub span: usize,",
            "    pub min_size: usize,",
            "    pub rules: &'static [Rule],",
            "}",
            "",
            "pub static POLICY: &[Class] = &[",
            *(_rust_class(entry) for entry in config.policy.classes),
            "];",
            "",
            RUST_BINDINGS,
        ]
    )


def as_json(config: Config) -> str:
    """The whole config as JSON."""
    return json.dumps(msgspec.to_builtins(config), indent=2) + "\n"


def as_python(config: Config) -> str:
    """A Python module with the policy as data, and `install` for the package `kernels`."""
    policy = pprint.pformat(msgspec.to_builtins(config.policy), width=100, sort_dicts=False)
    return f'''"""Which copy kernel serves which sizes: generated from a thresholds.toml, not to be edited."""

from kernels import dispatch

MACHINE_KEY = "{config.machine.key}"
SIMD_STDLIB_CROSSOVER = {config.headline.simd_stdlib_crossover}
POLICY = {policy}


def install():
    """Puts POLICY in force for this process; raises kernels.errors.KernelError where it is refused."""
    dispatch.install(dispatch.table_from(POLICY))
'''


FORMATS: Final[dict[str, Callable[[Config], str]]] = {
    "c": thresholds_h,
    "rust": as_rust,
    "python": as_python,
    "json": as_json,
}
"""Every export by name."""


def _rust_class(entry: AlignmentClass) -> str:
    rules = ", ".join(_rust_rule(rule) for rule in entry.rules)
    numbers = f"mask: {entry.mask}, low: {entry.low}, span: {entry.span}, min_size: {entry.min_size}"
    return f"    Class {{ {numbers}, rules: &[{rules}] }},"


def _rust_rule(rule: Rule) -> str:
    end = "usize::MAX" if rule.high is None else str(rule.high)
    return f'Rule {{ end: {end}, kernel: "{rule.kernel}" }}'
