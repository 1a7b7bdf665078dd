//! The token of a user, as a request can carry it.

use hyper::header::HeaderValue;
use kube::config::AuthInfo;
use secrecy::{ExposeSecret as _, SecretString};

use super::TargetError;

/// Takes a token out of its file if it is not written down, and off it the blanks and line ends that an editor, `echo` or a YAML block
/// puts around one. Says whether there is a file, which may hold another one later.
///
/// # Errors
/// When the file cannot be read, or no request could carry what is there: the library takes that for a defect of its caller.
pub(crate) fn settle(user: &mut AuthInfo) -> Result<bool, TargetError> {
    let file = match user.token {
        Some(_) => None,
        None => user.token_file.take(),
    };
    if let Some(path) = &file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            TargetError::Identity(format!("the token file {path:?} cannot be read: {error}"))
        })?;
        user.token = Some(SecretString::from(text));
    }
    if let Some(token) = &user.token {
        let trimmed = token.expose_secret().trim();
        let header = HeaderValue::try_from(format!("Bearer {trimmed}"));
        header.map_err(|_| {
            let what = "the token has characters that no request can carry".to_owned();
            TargetError::Identity(what)
        })?;
        user.token = Some(SecretString::from(trimmed));
    }
    Ok(file.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_token(token: &str) -> Result<String, TargetError> {
        let mut user = AuthInfo {
            token: Some(SecretString::from(token)),
            ..AuthInfo::default()
        };
        assert!(!settle(&mut user)?);
        Ok(user.token.unwrap().expose_secret().to_owned())
    }

    #[test]
    fn line_ends_around_a_token_are_taken_off_and_others_refused() {
        assert_eq!(of_token("abc.def").unwrap(), "abc.def");
        assert_eq!(of_token("\tabc\r\n").unwrap(), "abc");
        for bad in ["secret\nsecret", "secret\u{7}", "\0secret"] {
            let error = of_token(bad).unwrap_err();
            assert!(matches!(error, TargetError::Identity(_)), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_file_is_read_each_time_and_a_written_token_comes_before_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let mut user = AuthInfo {
            token_file: Some(path),
            ..AuthInfo::default()
        };
        for token in ["one", "two"] {
            std::fs::write(file.path(), format!("{token}\n")).unwrap();
            let mut now = user.clone();
            assert!(settle(&mut now).unwrap());
            assert_eq!(now.token.unwrap().expose_secret(), token);
        }
        user.token = Some(SecretString::from("written"));
        assert!(!settle(&mut user).unwrap());
        assert_eq!(user.token.unwrap().expose_secret(), "written");
    }
}
