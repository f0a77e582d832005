#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scimward::fuzzing::run("scim_config", bytes));
