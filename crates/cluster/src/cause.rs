//! The causes of an error, as half a sentence.

use std::error::Error;

/// Joins an error and its causes with colons, leaving out a cause that the text before it told already.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.contains(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        next = cause.source();
    }
    told
}

/// Joins an error of kube and its causes, without kube's names for its layers.
pub(crate) fn of_kube(error: &kube::Error) -> String {
    match error {
        kube::Error::Service(inner) => chain(&**inner),
        kube::Error::HyperError(inner) => chain(inner),
        kube::Error::Auth(inner) => chain(inner),
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no way there{}", if *.tells { ": no route" } else { "" })]
    struct Outer {
        tells: bool,
        source: Inner,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no route")]
    struct Inner;

    #[test]
    fn a_cause_is_told_once() {
        for tells in [false, true] {
            let error = Outer {
                tells,
                source: Inner,
            };
            assert_eq!(chain(&error), "no way there: no route");
        }
    }
}
