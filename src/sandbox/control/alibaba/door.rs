//! Who may call: the signature of today in a header, or the older one among the parameters.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{Message, Parameters, Refusal, VERSION};
use crate::sandbox::control::{
    Control,
    gate::Gate,
    sign::{Acs3, Rpc},
};

impl Control {
    /// The name of the operation, when whoever asks for it may.
    pub(super) fn admit_rpc(
        &mut self,
        message: &Message,
        parameters: &Parameters,
        now: DateTime<Utc>,
    ) -> Result<String, Refusal> {
        let authorization = message.header("authorization");
        let (action, version) = match authorization {
            Some(header) if Acs3::is_meant(header) => self.admit_acs3(message, header, now)?,
            _ if parameters.get("Signature").is_some() => self.admit_older(message, parameters, now)?,
            _ => return Err(Refusal::missing("AccessKeyId")),
        };
        if version != VERSION {
            return Err(Refusal::new(
                400,
                "InvalidVersion",
                "Specified parameter Version is not valid.",
            ));
        }
        Ok(action)
    }

    fn admit_acs3(&mut self, message: &Message, header: &str, now: DateTime<Utc>) -> Result<(String, String), Refusal> {
        let incomplete = |why: &str| {
            let text = format!("The request signature does not conform to Aliyun standards: {why}");
            Refusal::new(400, "IncompleteSignature", text)
        };
        let signed = Acs3::parse(header).ok_or_else(|| incomplete("Authorization"))?;
        if let Some(name) = signed.misses(message) {
            return Err(incomplete(&format!("{name} is not signed")));
        }
        let secret = self.key(signed.credential)?;
        if message
            .header("x-acs-accesskey-id")
            .is_some_and(|id| id != signed.credential)
        {
            return Err(mismatch());
        }
        let date = timely(message.header("x-acs-date"), now)?;
        if !Acs3::has_body_of(message) || !signed.is_of(message, &secret) {
            return Err(mismatch());
        }
        self.session(message.header("x-acs-security-token"))?;
        let sent = |name: &str| message.header(name).unwrap_or_default().to_owned();
        self.once(&sent("x-acs-signature-nonce"), date, now)?;
        Ok((sent("x-acs-action"), sent("x-acs-version")))
    }

    fn admit_older(
        &mut self,
        message: &Message,
        parameters: &Parameters,
        now: DateTime<Utc>,
    ) -> Result<(String, String), Refusal> {
        let action = parameters.must("Action")?.to_owned();
        let version = parameters.must("Version")?.to_owned();
        let secret = self.key(parameters.must("AccessKeyId")?)?;
        let scheme = (
            parameters.must("SignatureMethod")?,
            parameters.must("SignatureVersion")?,
        );
        if scheme != ("HMAC-SHA1", "1.0") {
            return Err(Refusal::invalid("SignatureMethod", "it is HMAC-SHA1, of version 1.0"));
        }
        if parameters.must("Format")? != "JSON" {
            return Err(Refusal::invalid("Format", "it is JSON"));
        }
        let nonce = parameters.must("SignatureNonce")?.to_owned();
        let date = timely(parameters.get("Timestamp"), now)?;
        let signature = Rpc::signature(&message.method, &parameters.raw, &secret);
        if signature.as_deref() != parameters.get("Signature") {
            return Err(mismatch());
        }
        self.session(parameters.get("SecurityToken"))?;
        self.once(&nonce, date, now)?;
        Ok((action, version))
    }

    fn key(&self, id: &str) -> Result<String, Refusal> {
        let secret = self.gate.secret(id).map(str::to_owned);
        secret.ok_or_else(|| Refusal::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."))
    }

    fn session(&self, shown: Option<&str>) -> Result<(), Refusal> {
        if self.gate.is_session(shown) {
            return Ok(());
        }
        Err(if shown.is_none() && self.gate.is_temporary() {
            Refusal::missing("SecurityToken")
        } else {
            Refusal::new(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.",
            )
        })
    }

    fn once(&mut self, nonce: &str, date: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
        if nonce.is_empty() {
            return Err(Refusal::missing("SignatureNonce"));
        }
        if self.gate.takes(nonce, date, now) {
            return Ok(());
        }
        Err(Refusal::new(
            400,
            "SignatureNonceUsed",
            "Specified signature nonce was used already.",
        ))
    }
}

fn mismatch() -> Refusal {
    Refusal::new(
        400,
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation.",
    )
}

fn timely(date: Option<&str>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let text = date.ok_or_else(|| Refusal::missing("Timestamp"))?;
    let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").map(|date| date.and_utc());
    match read {
        Err(_) => Err(Refusal::new(
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
        )),
        Ok(date) if Gate::is_timely(date, now) => Ok(date),
        Ok(_) => Err(Refusal::new(
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        )),
    }
}
