//! One question whose answer is known.

use super::rebuild::ends;
use crate::{
    model::ResourceId,
    ports::{GroupReader, ProviderError},
};

/// An id that no account has: the nil UUID (RFC 9562 section 5.9).
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Whether the groups of a person can really be asked for: a service provider that ignores the filter
/// answers with every group, and everybody would seem to be in all of them.
///
/// # Errors
/// When nothing else can be asked either.
pub(super) async fn tells_groups_of_a_person<R: GroupReader>(reader: &R) -> Result<bool, ProviderError> {
    match reader.groups_of(&ResourceId(NOBODY.to_owned())).await {
        Ok(groups) => Ok(groups.is_some_and(|groups| groups.is_empty())),
        Err(error) if ends(&error) => Err(error),
        // Who refuses the id has read the filter; one who answers nothing has told nothing.
        Err(error) => Ok(matches!(error, ProviderError::Gone | ProviderError::Refused { .. })),
    }
}
