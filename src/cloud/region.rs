//! Regions as data. New ones come; a host of the operator's own makes the list meaningless.

/// A region's id and what the console calls it.
pub type Region = (&'static str, &'static str);

/// Where Huawei Cloud has a SCIM host.
pub const HUAWEI: [Region; 17] = [
    ("cn-north-4", "CN North-Beijing4"),
    ("cn-east-3", "CN East-Shanghai1"),
    ("cn-south-1", "CN South-Guangzhou"),
    ("cn-south-4", "CN South-Guangzhou-InvitationOnly"),
    ("cn-southwest-2", "CN Southwest-Guiyang1"),
    ("ap-southeast-1", "CN-Hong Kong"),
    ("ap-southeast-2", "AP-Bangkok"),
    ("ap-southeast-3", "AP-Singapore"),
    ("ap-southeast-4", "AP-Jakarta"),
    ("ap-southeast-5", "AP-Manila"),
    ("la-south-2", "LA-Santiago"),
    ("la-north-2", "LA-Mexico City2"),
    ("sa-brazil-1", "LA-Sao Paulo1"),
    ("af-south-1", "AF-Johannesburg"),
    ("af-north-1", "AF-Cairo"),
    ("me-east-1", "ME-Riyadh"),
    ("tr-west-1", "TR-Istanbul"),
];

/// Where Alibaba Cloud has a directory service.
pub const ALIBABA: [Region; 6] = [
    ("cn-shanghai", "China (Shanghai)"),
    ("cn-hongkong", "China (Hong Kong)"),
    ("ap-southeast-1", "Singapore"),
    ("ap-northeast-2", "South Korea (Seoul)"),
    ("us-west-1", "US (Silicon Valley)"),
    ("eu-central-1", "Germany (Frankfurt)"),
];

/// Where Alibaba Cloud speaks SCIM in a region: no answer of its control plane tells it.
#[must_use]
pub fn alibaba_scim(region: &str) -> String {
    format!("https://cloudsso-scim-{region}.aliyun.com/scim/v2/")
}

/// Whether `id` is one of `regions`.
#[must_use]
pub fn is_known(id: &str, regions: &[Region]) -> bool {
    regions.iter().any(|(known, _)| *known == id)
}

/// Whether `id` can stand in a host name.
#[must_use]
pub fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 40
        && !id.starts_with('-')
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
