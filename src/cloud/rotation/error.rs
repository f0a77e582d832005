//! Why a token was not renewed.

use crate::cloud::{CloudError, NotWorking, TokenFileError};

/// Why not. A token that worked before still does, whatever this says.
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
    #[error("{0} holds no token")]
    NoToken(String),
    /// What came of trying the token of the file says nothing of the token.
    #[error("nothing was changed: {0}")]
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
    /// There is only one, and nothing proves that the file holds it.
    #[error(
        "nothing tells that the file holds the token {id}, the only one there: if it does, say so once with `rotate \
         --keep {id}`, and it is known from then on"
    )]
    Unnamed {
        /// The only one.
        id: String,
    },
    /// The token that was to be kept is not the one in the file: that one stopped when the other was switched off.
    #[error(
        "the token of the file stopped working while {other} was switched off, so the file holds that one and not \
         {kept}: nothing was deleted{}; {why}", on_again(*resumed)
    )]
    Mistaken {
        /// What the file was said to hold.
        kept: String,
        /// What it seems to hold.
        other: String,
        /// Whether that is on again.
        resumed: bool,
        /// What the endpoint said.
        why: NotWorking,
    },
    /// While the other token was switched off, that of the file could not be tried.
    #[error(
        "whether the token of the file works without {other} cannot be told, so nothing was deleted{}; {why}",
        on_again(*resumed)
    )]
    Untold {
        /// The other one.
        other: String,
        /// Whether that is on again.
        resumed: bool,
        /// What the endpoint said, if anything.
        why: NotWorking,
    },
    /// The other token was to be switched off and deleted, and that did not work.
    #[error("the token {other}, which was to make room, could not be deleted{}; {why}", match resumed {
        true => ", and it is not switched off",
        false => on_again(false),
    })]
    NotRemoved {
        /// The other one.
        other: String,
        /// Whether it is on again, or was never off.
        resumed: bool,
        /// What happened.
        why: Box<CloudError>,
    },
    /// An interrupted rotation left it off.
    #[error(
        "a rotation that was interrupted left the token {id} switched off, and it could not be switched on again: do \
         that now; {why}"
    )]
    StillOff {
        /// It may be the one in use.
        id: String,
        /// What happened.
        why: Box<CloudError>,
    },
    /// There is no room, and nobody here knows whose the other token is.
    #[error(
        "two tokens are there, and {other} is not of this file: somebody else may be using it. Delete it when nobody does, or \
         have this do it with --keep {in_use}"
    )]
    Occupied {
        /// In the file.
        in_use: String,
        /// The other one.
        other: String,
    },
    /// The token in the file is not among those of the control plane.
    #[error("{0}; is this the control plane that gave out the token?")]
    Stranger(String),
    /// The token of the file is let in no more, because somebody switched it off.
    #[error("the token {id} of the file is switched off at the control plane, so nothing was changed")]
    SwitchedOff {
        /// In the file.
        id: String,
    },
    /// The token of the file is let in no more, and any tenant's new one would be let in at this endpoint.
    #[error(
        "the token in the file is let in no more, and nothing shows that it was given out here, so no other was put in \
         its place: {why}"
    )]
    Unproved {
        /// Every token that is there, when there is no room for another.
        full: Vec<String>,
        /// What the endpoint said.
        why: NotWorking,
    },
    /// The token of the file is let in no more, before its time, and nobody asked for another.
    #[error(
        "the token in the file is let in no more, and nothing beside it tells that it has expired: somebody may have ended \
         it on purpose, so no other was put in its place: {0}"
    )]
    Unasked(NotWorking),
    /// The token of the file is let in no more, and there is no room for another.
    #[error(
        "the token in the file is let in no more, and there is no room for a new one: {} are alive, and nobody here \
         knows who uses them", ids.join(" and ")
    )]
    NoRoom {
        /// Those that are there.
        ids: Vec<String>,
    },
    /// Neither the token of the file nor a new one is let in.
    #[error(
        "the token in the file is let in no more, and a new one was not let in either: that was given up, and the file \
         is as it was: {0}"
    )]
    NeitherWorks(NotWorking),
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
            Self::Unnamed { .. } | Self::Occupied { .. } | Self::Unproved { .. } | Self::NoRoom { .. } => 2,
            _ => 4,
        }
    }
}

fn on_again(resumed: bool) -> &'static str {
    match resumed {
        true => ", and it is on again",
        false => ", but it could not be switched on again: do that now",
    }
}
