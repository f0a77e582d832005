//! To whom a file beside the token belongs.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, fchown},
    path::Path,
};

/// Of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    fn of(there: &fs::Metadata) -> Self {
        Self {
            uid: there.uid(),
            gid: there.gid(),
        }
    }
}

/// Gives a file that was made a moment ago to whom the token belongs: the service has to read what an administrator
/// renewed.
///
/// # Errors
/// When it cannot be given away.
pub(super) fn keep_owner(made: &File, token: &Path) -> io::Result<()> {
    let token = fs::metadata(token).ok().map(|there| Owner::of(&there));
    let Some(Owner { uid, gid }) = to_whom(token, Owner::of(&made.metadata()?)) else {
        return Ok(());
    };
    fchown(made, Some(uid), Some(gid)).map_err(|error| {
        io::Error::other(format!(
            "it belongs to another user (uid {uid}), to whom the new file cannot be given: {error}; run this as that user or \
             as root"
        ))
    })
}

/// The token's owner, when there is a token and it is another's. A group alone makes no difference to who can read
/// files of mode 0600.
fn to_whom(token: Option<Owner>, made: Owner) -> Option<Owner> {
    token.filter(|token| token.uid != made.uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_goes_to_the_owner_of_the_token() {
        let owner = |(uid, gid)| Owner { uid, gid };
        let check = |token: Option<(u32, u32)>, made: (u32, u32), expected: Option<(u32, u32)>| {
            assert_eq!(
                to_whom(token.map(owner), owner(made)),
                expected.map(owner),
                "{token:?} {made:?}"
            );
        };
        check(Some((990, 990)), (0, 0), Some((990, 990)));
        check(Some((0, 0)), (990, 990), Some((0, 0)));
        check(Some((990, 990)), (990, 990), None);
        check(Some((990, 27)), (990, 990), None);
        check(None, (0, 0), None);
    }
}
