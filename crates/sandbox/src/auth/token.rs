//! Tokens: the administrator's random one, and signed ones for service accounts (JWT, ES256).

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::store;

/// Issuer and audience of every token, as clusters without further configuration have them.
pub(super) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What a service account's token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Namespace of the account.
    pub namespace: String,
    /// Name of the account.
    pub account: String,
    /// Uid of the account; an account of the same name made later does not inherit the token.
    pub account_uid: String,
    /// Name and uid of the pod the token is bound to.
    pub pod: Option<(String, String)>,
    /// Name and uid of the Secret that holds the token.
    pub secret: Option<(String, String)>,
    /// When it was issued, in seconds since 1970.
    pub issued: i64,
    /// When it ends, in seconds since 1970.
    pub expires: Option<i64>,
}

/// The administrator's token and the key that signs the others.
pub struct Keys {
    admin: String,
    pair: EcdsaKeyPair,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Makes a signing key, and an administrator's token unless one is given.
    pub fn generate(admin: Option<String>) -> Result<Self, ring::error::Unspecified> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                .map_err(|_| ring::error::Unspecified)?;
        let admin = admin.unwrap_or_else(|| HEXLOWER.encode(&store::random::<32>()));
        Ok(Self { admin, pair })
    }

    /// Returns the administrator's token.
    #[must_use]
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// Says whether this is the administrator's token, in a time that does not tell how much of it is right.
    #[must_use]
    pub fn is_admin(&self, token: &str) -> bool {
        let differences = self
            .admin
            .bytes()
            .zip(token.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        differences == 0 && token.len() == self.admin.len()
    }

    /// Signs a token.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let header = json!({"alg": "ES256", "kid": "sandbox"});
        let text = format!("{}.{}", encode(&header), encode(&claims.to_value()));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        // Signing fails only where the kernel has no random numbers; a token that verifies nowhere is what is left then.
        let signature = signature
            .map(|signature| BASE64URL_NOPAD.encode(signature.as_ref()))
            .unwrap_or_default();
        format!("{text}.{signature}")
    }

    /// Reads a token that this sandbox signed and that has not expired at `now`.
    #[must_use]
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let (text, signature) = token.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        key.verify(text.as_bytes(), &signature).ok()?;
        let (_, claims) = text.split_once('.')?;
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let claims = Claims::read(&serde_json::from_slice(&claims).ok()?)?;
        claims
            .expires
            .is_none_or(|expires| now.as_second() < expires)
            .then_some(claims)
    }
}

impl Claims {
    fn to_value(&self) -> Value {
        let mut kubernetes = json!({
            "namespace": self.namespace,
            "serviceaccount": {"name": self.account, "uid": self.account_uid},
        });
        for (field, bound) in [("pod", &self.pod), ("secret", &self.secret)] {
            if let Some((name, uid)) = bound {
                kubernetes[field] = json!({"name": name, "uid": uid});
            }
        }
        let mut claims = json!({
            "iss": ISSUER, "aud": [ISSUER],
            "sub": format!("system:serviceaccount:{}:{}", self.namespace, self.account),
            "iat": self.issued, "nbf": self.issued, "jti": store::random_uid(), "kubernetes.io": kubernetes,
        });
        if let Some(expires) = self.expires {
            claims["exp"] = expires.into();
        }
        claims
    }

    fn read(claims: &Value) -> Option<Self> {
        let kubernetes = claims.get("kubernetes.io")?;
        let text = |value: &Value, pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let bound = |field: &str| {
            let object = kubernetes.get(field)?;
            Some((text(object, "/name")?, text(object, "/uid")?))
        };
        Some(Self {
            namespace: text(kubernetes, "/namespace")?,
            account: text(kubernetes, "/serviceaccount/name")?,
            account_uid: text(kubernetes, "/serviceaccount/uid")?,
            pod: bound("pod"),
            secret: bound("secret"),
            issued: claims.get("iat")?.as_i64()?,
            expires: claims.get("exp").and_then(Value::as_i64),
        })
    }
}

fn encode(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Claims, Keys};

    fn claims() -> Claims {
        Claims {
            namespace: "n".to_owned(),
            account: "a".to_owned(),
            account_uid: "u".to_owned(),
            pod: None,
            secret: Some(("s".to_owned(), "v".to_owned())),
            issued: 1000,
            expires: Some(1600),
        }
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let keys = Keys::generate(None).unwrap();
        let token = keys.sign(&claims());
        let at = |second| keys.verify(&token, Timestamp::from_second(second).unwrap());
        assert_eq!(at(1599), Some(claims()));
        assert_eq!(at(1600), None);
    }

    #[test]
    fn a_changed_token_and_another_sandboxs_token_are_refused() {
        let keys = Keys::generate(None).unwrap();
        let now = Timestamp::from_second(1000).unwrap();
        let token = keys.sign(&claims());
        let (head, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(keys.verify(&format!("{head}A.{signature}"), now), None);
        assert_eq!(Keys::generate(None).unwrap().verify(&token, now), None);
        assert_eq!(keys.verify("nonsense", now), None);
    }

    #[test]
    fn only_the_whole_admin_token_is_the_admins() {
        let keys = Keys::generate(Some("secret".to_owned())).unwrap();
        assert!(keys.is_admin("secret"));
        assert!(!keys.is_admin("secre") && !keys.is_admin("secrets") && !keys.is_admin(""));
    }
}
