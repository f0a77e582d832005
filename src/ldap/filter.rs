//! Search filters (RFC 4515), checked when the configuration is read so that a mistake has a
//! position and a reason. What passes here, the LDAP client takes as well.

/// A mistake in a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {})", .position + 1)]
pub struct FilterError {
    /// Where, in characters from the start, counted from zero.
    pub position: usize,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// Filters inside filters. Nobody writes a hundred; a bound keeps parsers off the end of the stack.
const DEPTH_MAX: usize = 100;

/// Checks that `filter` is a filter by RFC 4515.
///
/// # Errors
/// The first mistake, with its position.
pub fn check(filter: &str) -> Result<(), FilterError> {
    let mut parser = Parser { text: filter, at: 0 };
    let Err((at, message)) = parser.whole() else {
        // The client has a parser of its own; the two must not disagree in mid-run.
        return ldap3::parse_filter(filter).map(|_| ()).map_err(|()| FilterError {
            position: 0,
            message: "the LDAP client cannot read this filter".into(),
        });
    };
    let position = filter.get(..at).map_or(0, |before| before.chars().count());
    Err(FilterError { position, message })
}

/// A mistake at a byte offset, which always lies between two characters.
type Mistake = (usize, String);

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Mistake> {
        Err((self.at, message.into()))
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn whole(&mut self) -> Result<(), Mistake> {
        match self.peek() {
            None => return self.fail("the filter is empty: (objectClass=*) matches everything"),
            Some('(') => self.filter(0)?,
            Some(c) if c.is_whitespace() => return self.blank(),
            Some(_) => return self.fail(format!("a filter stands in parentheses: ({})", self.rest())),
        }
        match self.peek() {
            None => Ok(()),
            Some(')') => self.fail("one closing parenthesis too many"),
            Some('(') => self.fail("a second filter: join several with (&(…)(…)) or (|(…)(…))"),
            Some(c) if c.is_whitespace() => self.blank(),
            Some(_) => self.fail("the filter ended before this"),
        }
    }

    fn blank<T>(&self) -> Result<T, Mistake> {
        self.fail("no space or line break may stand between the parts of a filter")
    }

    /// `"(" filtercomp ")"`, standing on the parenthesis.
    fn filter(&mut self, depth: usize) -> Result<(), Mistake> {
        let opened = self.at;
        if depth >= DEPTH_MAX {
            return self.fail(format!("filters are nested more than {DEPTH_MAX} deep"));
        }
        self.at += 1;
        match self.peek() {
            Some('&' | '|') => {
                self.at += 1;
                while self.peek() == Some('(') {
                    self.filter(depth + 1)?;
                }
                if self.peek().is_some_and(|c| c != ')') {
                    return match self.peek() {
                        Some(c) if c.is_whitespace() => self.blank(),
                        _ => self.fail("each part of & and | stands in parentheses of its own: (&(a=1)(b=2))"),
                    };
                }
            }
            Some('!') => {
                self.at += 1;
                match self.peek() {
                    Some('(') => self.filter(depth + 1)?,
                    Some(c) if c.is_whitespace() => return self.blank(),
                    _ => return self.fail("after ! comes a filter in parentheses: (!(a=1))"),
                }
                if self.peek() == Some('(') {
                    return self.fail("! takes one filter only: (!(|(a=1)(b=2)))");
                }
            }
            Some('(') => return self.fail("one opening parenthesis too many, or & or | is missing before it"),
            _ => self.item()?,
        }
        if self.take(")") {
            return Ok(());
        }
        Err((opened, "this parenthesis is never closed".into()))
    }

    /// `attr=value` and its kin.
    fn item(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        if self.peek().is_some_and(char::is_whitespace) {
            return self.blank();
        }
        if self.peek() != Some(':') {
            self.description()?;
        }
        if self.take("=") {
            return self.value(true);
        }
        if self.take(">=") || self.take("<=") || self.take("~=") {
            return self.value(false);
        }
        if self.peek() == Some(':') {
            return self.extensible(start);
        }
        match self.peek() {
            Some('<' | '>') => self.fail("LDAP knows >= and <= only: (!(a<=5)) stands for greater than"),
            Some('!') => self.fail("LDAP has no !=: write (!(attribute=value))"),
            Some(c) if c.is_whitespace() => self.blank(),
            Some(')') | None => self.fail("an = and a value are missing: (attribute=*) asks whether it is there"),
            Some(c) => self.fail(format!("{c:?} cannot stand in an attribute name")),
        }
    }

    /// `attr[:dn][:rule]:=value` or `[:dn]:rule:=value`, standing on the first colon.
    fn extensible(&mut self, start: usize) -> Result<(), Mistake> {
        let named = self.at > start;
        let _dn = self.rest().starts_with(":dn:") && self.take(":dn");
        let mut rule = false;
        if !self.rest().starts_with(":=") {
            if !self.take(":") {
                return self.fail("a matching rule starts with a colon: (attribute:rule:=value)");
            }
            self.oid("a matching rule")?;
            rule = true;
        }
        if !named && !rule {
            return self.fail("an attribute or a matching rule is missing before :=");
        }
        if !self.take(":=") {
            return self.fail("a matching rule ends with :=, as in (attribute:rule:=value)");
        }
        self.value(false)
    }

    /// An attribute description: a name or an OID, and options.
    fn description(&mut self) -> Result<(), Mistake> {
        self.oid("an attribute name")?;
        while self.take(";") {
            if self.take_while(|c| c.is_ascii_alphanumeric() || c == '-').is_empty() {
                return self.fail("an attribute option is missing after the semicolon");
            }
        }
        Ok(())
    }

    fn oid(&mut self, what: &str) -> Result<(), Mistake> {
        let start = self.at;
        match self.peek() {
            Some(c) if c.is_ascii_digit() => {
                let oid = self.take_while(|c| c.is_ascii_digit() || c == '.');
                if oid
                    .split('.')
                    .any(|number| number.is_empty() || (number.len() > 1 && number.starts_with('0')))
                {
                    return Err((start, format!("{oid} is not an object identifier such as 2.5.4.3")));
                }
                Ok(())
            }
            Some(c) if c.is_ascii_alphabetic() => {
                self.take_while(|c| c.is_ascii_alphanumeric() || c == '-');
                Ok(())
            }
            Some('=' | '>' | '<' | '~' | ')') | None => self.fail(format!("{what} is missing here")),
            Some(c) => self.fail(format!("{what} cannot start with {c:?}")),
        }
    }

    /// An assertion value up to the closing parenthesis. `stars`: asterisks make it a substring match.
    fn value(&mut self, stars: bool) -> Result<(), Mistake> {
        let mut after_star = false;
        loop {
            match self.peek() {
                None | Some(')') => return Ok(()),
                Some('(') => return self.fail("write \\28 for a parenthesis in a value, or close the one before"),
                Some('\0') => return self.fail("write \\00 for a zero byte in a value"),
                Some('*') if !stars => return self.fail("an asterisk works with = only: write \\2a for the character"),
                Some('*') if after_star => return self.fail("two asterisks in a row: one is enough"),
                Some('\\') => self.escape()?,
                Some(c) => {
                    after_star = c == '*';
                    self.at += c.len_utf8();
                    continue;
                }
            }
            after_star = false;
        }
    }

    fn escape(&mut self) -> Result<(), Mistake> {
        let mut digits = self.rest().chars().skip(1).take(2);
        if digits.clone().count() == 2 && digits.all(|c| c.is_ascii_hexdigit()) {
            self.at += 3;
            return Ok(());
        }
        self.fail("a backslash takes two hexadecimal digits: \\2a is *, \\28 is (, \\29 is ), \\5c is \\")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_filter(input: &str, expected: Result<(), (usize, &str)>) {
        match (check(input), expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err((position, part))) => {
                assert!(error.message.contains(part), "{input}: {error}");
                assert_eq!(error.position, position, "{input}: {error}");
            }
            (got, expected) => panic!("{input}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn good_filters() {
        for filter in [
            "(objectClass=*)",
            "(&(objectClass=inetOrgPerson)(!(employeeType=robot)))",
            "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
            "(|(uid=a*)(uid=*b)(uid=*c*)(uid=x*y*z))",
            "(cn=Müller \\28Ost\\29)",
            "(cn;lang-de=x)",
            "(2.5.4.3=x)",
            "(o:dn:=Ace)",
            "(cn:dn:2.4.6.8.10:=Barney)",
            "(:1.2.3:=x)",
            "(:dn:caseExactMatch:=x)",
            "(modifyTimestamp>=20260101000000Z)",
            "(sn~=meier)",
            "(seeAlso=)",
            "(&)",
            "(|)",
            "(uid==x)",
        ] {
            check_filter(filter, Ok(()));
        }
    }

    #[test]
    fn bad_filters() {
        for (filter, position, part) in [
            ("", 0, "empty"),
            ("uid=x", 0, "(uid=x)"),
            (" (uid=x)", 0, "no space"),
            ("(uid=x", 0, "never closed"),
            ("(&(uid=x)(cn=y)", 0, "never closed"),
            ("(&(ü=x)", 3, "cannot start with"),
            ("(&(cn=ü)(uid=x)", 0, "never closed"),
            ("(uid=x))", 7, "too many"),
            ("(uid=x)(cn=y)", 7, "join several"),
            ("((uid=x))", 1, "too many"),
            ("(&(uid=x) (cn=y))", 9, "no space"),
            ("(&\n(uid=x))", 2, "no space"),
            ("(& uid=x)", 2, "no space"),
            ("(&uid=x)", 2, "parentheses of its own"),
            ("(!uid=x)", 2, "after !"),
            ("(!(a=1)(b=2))", 7, "one filter only"),
            ("(=x)", 1, "name is missing"),
            ("()", 1, "name is missing"),
            ("(uid)", 4, "value are missing"),
            ("(uid>5)", 4, ">= and <="),
            ("(uid!=5)", 4, "no !="),
            ("(uid =5)", 4, "no space"),
            ("(my_attr=5)", 3, "'_'"),
            ("(cn;=5)", 4, "option"),
            ("(2.05.4=5)", 1, "object identifier"),
            ("(2..4=5)", 1, "object identifier"),
            ("(cn=a\\2)", 5, "two hexadecimal"),
            ("(cn=ü\\zz)", 5, "two hexadecimal"),
            ("(cn=a\\", 5, "two hexadecimal"),
            ("(cn=a(b)", 5, "\\28"),
            ("(cn=a**b)", 6, "two asterisks"),
            ("(cn=**)", 5, "two asterisks"),
            ("(cn>=a*)", 6, "\\2a"),
            ("(:=x)", 1, "missing before :="),
            ("(cn:rule=x)", 8, "ends with :="),
            ("(cn::=x)", 4, "cannot start with ':'"),
            ("(:dn:=x)", 4, "missing before :="),
        ] {
            check_filter(filter, Err((position, part)));
        }
        let deep = format!("{}(a=1){}", "(!".repeat(200), ")".repeat(200));
        check_filter(&deep, Err((200, "nested")));
    }

    proptest! {
        #[test]
        fn what_passes_the_client_takes(filter in "[()&|!=*:;.~<>a-c0-2\\\\ü ]{0,16}") {
            let mut parser = Parser { text: &filter, at: 0 };
            if parser.whole().is_ok() {
                prop_assert!(ldap3::parse_filter(&filter).is_ok(), "{}", filter);
            }
            // Every refusal has a position inside the text.
            if let Err(error) = check(&filter) {
                prop_assert!(error.position <= filter.chars().count());
            }
        }
    }
}
