//! The clouds whose switch is known, and what each of them calls things.

use crate::{
    app::cloud::words::{self, Names},
    cloud::{
        keys::{self, Variables},
        region::{self, Region},
    },
};

/// A cloud whose switch is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Huawei,
    Alibaba,
}

impl Provider {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "huawei" => Some(Self::Huawei),
            "alibaba" => Some(Self::Alibaba),
            _ => None,
        }
    }

    /// What it calls things, and the commands for them.
    pub(super) fn names(self) -> &'static Names {
        match self {
            Self::Huawei => &words::HUAWEI,
            Self::Alibaba => &words::ALIBABA,
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.names().cloud
    }

    pub(super) fn regions(self) -> &'static [Region] {
        match self {
            Self::Huawei => &region::HUAWEI,
            Self::Alibaba => &region::ALIBABA,
        }
    }

    /// Where the cloud's own tools look for an access key.
    pub(super) fn variables(self) -> &'static Variables {
        match self {
            Self::Huawei => &keys::HUAWEI,
            Self::Alibaba => &keys::ALIBABA,
        }
    }

    /// How people call what people and groups are in.
    pub(super) fn instance(self) -> &'static str {
        match self {
            Self::Huawei => "identity store",
            Self::Alibaba => "directory",
        }
    }

    /// The same as a key of the configuration.
    pub(super) fn instance_key(self) -> &'static str {
        match self {
            Self::Huawei => "identity_store_id",
            Self::Alibaba => "directory_id",
        }
    }
}
