//! Attributes that hold members.

use crate::{
    mapping::{
        error::Mistake,
        names::{Slot, View},
    },
    model::{MemberKey, dn},
};

/// The attribute of RFC 2307 section 2.2, in lower case.
const MEMBER_UID: &str = "memberuid";

/// How one attribute names members.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemberRule {
    slot: Slot,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Dn,
    Uid,
}

impl MemberRule {
    pub fn new(written: &str, slot: Slot) -> Result<Self, Mistake> {
        let form = if is_login_names(written) { Form::Uid } else { Form::Dn };
        if written.trim().eq_ignore_ascii_case("dn") {
            return Err(Mistake::new(
                "the DN of a group names the group, not its members",
                "name the attribute that holds the members: members = [\"member\"]",
            ));
        }
        Ok(Self { slot, form })
    }

    /// The key of every value. Whatever a value is, it is a key: one of nobody does no harm.
    pub fn keys<'v>(self, view: &'v View<'_>) -> impl Iterator<Item = MemberKey> + use<'v> {
        view.values(self.slot).map(move |value| {
            let text = dn::text(value);
            match self.form {
                Form::Dn => MemberKey::dn(without_optional_uid(&text)),
                Form::Uid => MemberKey::uid(&text),
            }
        })
    }
}

/// Whether an attribute of groups holds login names.
pub(super) fn is_login_names(attribute: &str) -> bool {
    attribute.trim().eq_ignore_ascii_case(MEMBER_UID)
}

/// A distinguished name of the syntax Name And Optional UID (RFC 4517 section 3.3.21), which
/// `uniqueMember` has, without the bit string after `#`.
fn without_optional_uid(text: &str) -> &str {
    let Some((name, bits)) = text.rsplit_once('#') else {
        return text;
    };
    let digits = bits.strip_prefix('\'').and_then(|bits| bits.strip_suffix("'B"));
    match digits {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'1')) => name,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bit_string_is_no_part_of_the_name() {
        let check = |text: &str, expected: &str| assert_eq!(super::without_optional_uid(text), expected);
        check("cn=a,dc=x", "cn=a,dc=x");
        check("cn=a,dc=x#'0101'B", "cn=a,dc=x");
        check("cn=a,dc=x#''B", "cn=a,dc=x");
        check("cn=a#1,dc=x", "cn=a#1,dc=x");
        check("cn=a,dc=x#'2'B", "cn=a,dc=x#'2'B");
        check("#", "#");
    }
}
