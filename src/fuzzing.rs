//! The entry points of `fuzz/`: one function for each kind of input that comes from outside, which
//! holds what must be true whatever the input is.
//!
//! Not part of the program. Each function stands beside what it looks at; the seeds in `fuzz/seeds`,
//! and with them everything that was ever found, go through all of them in the usual tests.

mod config;
mod mapping;
mod sandbox;

#[cfg(test)]
mod tests;

/// Takes one input and panics when something is not as it must be.
pub type Target = fn(&[u8]);

/// Every target by name: that of its program in `fuzz/targets` and of its folder in `fuzz/seeds`.
pub const TARGETS: [(&str, Target); 12] = [
    ("config", |bytes| text(bytes, config::config)),
    ("dn", crate::model::dn::fuzzing::dn),
    ("ldap_entry", crate::ldap::fuzzing::entry),
    ("ldap_filter", |bytes| text(bytes, crate::ldap::fuzzing::filter)),
    ("mapping", mapping::mapping),
    ("retry_after", |bytes| text(bytes, crate::scim::fuzzing::retry_after)),
    ("sandbox", sandbox::request),
    ("scim_config", crate::scim::fuzzing::provider_config),
    ("scim_error", crate::scim::fuzzing::error),
    ("scim_list", crate::scim::fuzzing::users),
    ("scim_user", crate::scim::fuzzing::user),
    ("state", |bytes| {
        crate::store::fuzzing::record(bytes);
        crate::store::fuzzing::line(bytes);
    }),
];

/// Runs the target of that name.
///
/// # Panics
/// When there is none, and when the target finds something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "there is no target {name}");
    target.into_iter().for_each(|(_, target)| target(bytes));
}

fn text(bytes: &[u8], target: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        target(text);
    }
}
