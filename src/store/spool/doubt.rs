//! Creates in doubt from earlier plans, kept until a later plan settles them.

use std::{io, path::Path};

use super::durable::{self, Content};
use crate::model::AnchorKey;

const NAME: &str = "doubt";

pub(super) fn write(folder: &Path, keys: &[AnchorKey]) -> io::Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let content: Vec<u8> = keys.iter().flat_map(|key| key.0).collect();
    durable::replace(folder, NAME, &content)
}

pub(super) fn read(folder: &Path) -> io::Result<Vec<AnchorKey>> {
    let damage = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the list of creates in doubt is not as it was written",
        )
    };
    match durable::read(&folder.join(NAME))? {
        Content::Absent => Ok(Vec::new()),
        Content::Damaged => Err(damage()),
        Content::Whole(content) => content
            .chunks(16)
            .map(|key| key.try_into().map(AnchorKey).map_err(|_| damage()))
            .collect(),
    }
}

pub(super) fn remove(folder: &Path) -> io::Result<()> {
    durable::remove_for_good(folder, NAME)
}
