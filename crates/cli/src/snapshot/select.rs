//! Which of a snapshot's data is wanted: `--adapter` and `--scope`.

use codec::{Adapter, Adapters, Scope};

use crate::exit::Exit;
use crate::failure::Failure;

/// Which data is wanted, as it was typed.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectArgs {
    /// Adapters to decode: a comma list of dynamodb, s3, redis, sqs, or `all`
    #[arg(long, value_name = "LIST")]
    adapter: Option<String>,

    /// Limits an adapter to the named tables, buckets, databases or queues: ADAPTER=NAME or ADAPTER=NAME,NAME
    ///
    /// Without --adapter, adapters without a scope are left out. May be given several times.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
}

impl SelectArgs {
    /// What the two options mean together.
    pub(crate) fn lower(&self) -> Result<(Adapters, Scope), Failure> {
        let scope = scope(&self.scope)?;
        let adapters = match &self.adapter {
            Some(list) => adapters(list)?,
            None if scope.0.is_empty() => Adapters::ALL,
            None => scope.0.keys().copied().fold(Adapters::NONE, with),
        };
        match scope.0.keys().find(|adapter| !adapters.contains(**adapter)) {
            None => Ok((adapters, scope)),
            Some(adapter) => {
                let message = format!(
                    "--scope names {}, which --adapter leaves out",
                    adapter.name()
                );
                Err(usage("usage.scope-not-selected", &message, "--scope"))
            }
        }
    }
}

fn with(mut adapters: Adapters, adapter: Adapter) -> Adapters {
    match adapter {
        Adapter::DynamoDb => adapters.dynamodb = true,
        Adapter::S3 => adapters.s3 = true,
        Adapter::Redis => adapters.redis = true,
        Adapter::Sqs => adapters.sqs = true,
    }
    adapters
}

/// Blanks around items and empty items do not matter; an empty list is all of them.
fn adapters(list: &str) -> Result<Adapters, Failure> {
    if matches!(list.trim(), "" | "all") {
        return Ok(Adapters::ALL);
    }
    let mut adapters = Adapters::NONE;
    for item in list
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        adapters = with(adapters, adapter(item, "--adapter")?);
    }
    if adapters == Adapters::NONE {
        return Err(usage(
            "usage.no-adapter",
            "--adapter selects nothing",
            "--adapter",
        ));
    }
    Ok(adapters)
}

fn scope(typed: &[String]) -> Result<Scope, Failure> {
    let mut scope = Scope::default();
    for one in typed {
        let Some((name, list)) = one.split_once('=') else {
            return Err(usage(
                "usage.invalid-scope",
                "a scope has the form ADAPTER=NAME or ADAPTER=NAME,NAME",
                "--scope",
            ));
        };
        let names = scope.0.entry(adapter(name.trim(), "--scope")?).or_default();
        names.extend(
            list.split(',')
                .filter(|name| !name.is_empty())
                .map(|name| name.as_bytes().to_vec()),
        );
        if names.is_empty() {
            return Err(usage(
                "usage.invalid-scope",
                "a scope names at least one thing",
                "--scope",
            ));
        }
    }
    Ok(scope)
}

fn adapter(name: &str, argument: &str) -> Result<Adapter, Failure> {
    let known = Adapter::ALL
        .into_iter()
        .find(|adapter| adapter.name() == name);
    known.ok_or_else(|| {
        usage(
            "usage.unknown-adapter",
            &format!("there is no adapter {name:?}"),
            argument,
        )
    })
}

fn usage(id: &'static str, message: &str, argument: &str) -> Failure {
    Failure::new(Exit::Usage, id, message)
        .at("argument", argument)
        .remedy("Adapters are dynamodb, s3, redis and sqs; for example --adapter s3,redis --scope s3=photos.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lower(adapter: Option<&str>, scope: &[&str]) -> Result<(Adapters, Scope), &'static str> {
        let args = SelectArgs {
            adapter: adapter.map(str::to_owned),
            scope: scope.iter().map(|&scope| scope.to_owned()).collect(),
        };
        args.lower().map_err(|failure| failure.id)
    }

    fn selected(adapter: &str) -> Result<Vec<&'static str>, &'static str> {
        let (adapters, _) = lower(Some(adapter), &[])?;
        Ok(Adapter::ALL
            .into_iter()
            .filter(|one| adapters.contains(*one))
            .map(Adapter::name)
            .collect())
    }

    #[test]
    fn adapters_are_a_comma_list() {
        assert_eq!(selected("s3, redis"), Ok(vec!["s3", "redis"]));
        assert_eq!(selected("s3,,"), Ok(vec!["s3"]));
        assert_eq!(selected("all").map(|all| all.len()), Ok(4));
        assert_eq!(selected("").map(|all| all.len()), Ok(4));
        assert_eq!(selected(","), Err("usage.no-adapter"));
        assert_eq!(selected("S3"), Err("usage.unknown-adapter"));
        assert_eq!(selected("all,s3"), Err("usage.unknown-adapter"));
    }

    #[test]
    fn a_scope_selects_its_adapter() {
        let (adapters, scope) = lower(None, &["s3=photos,mail", "s3=old"]).unwrap();
        assert!(adapters.s3 && !adapters.redis);
        assert_eq!(scope.of(Adapter::S3).unwrap().len(), 3);
        assert_eq!(scope.of(Adapter::Redis), None);
    }

    #[test]
    fn a_scope_within_chosen_adapters_limits_only_its_own() {
        let (adapters, _) = lower(Some("s3,redis"), &["s3=photos"]).unwrap();
        assert!(adapters.s3 && adapters.redis);
        assert_eq!(
            lower(Some("redis"), &["s3=photos"]),
            Err("usage.scope-not-selected")
        );
        assert_eq!(lower(None, &["s3"]), Err("usage.invalid-scope"));
        assert_eq!(lower(None, &["s3=,"]), Err("usage.invalid-scope"));
    }
}
