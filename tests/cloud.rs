//! `scimward cloud` against the sandbox's control planes, by black box.
#![cfg(test)]

#[path = "cloud/alibaba.rs"]
mod alibaba;
#[path = "cloud/huawei.rs"]
mod huawei;
#[path = "cloud/idp.rs"]
mod idp;
#[path = "cloud/ids.rs"]
mod ids;
#[path = "cloud/interruption.rs"]
mod interruption;
#[path = "cloud/keys.rs"]
mod keys;
#[path = "cloud/rotation.rs"]
mod rotation;
mod support;
#[path = "cloud/where_secrets_go.rs"]
mod where_secrets_go;
