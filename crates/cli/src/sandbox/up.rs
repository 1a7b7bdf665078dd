//! `longshore sandbox up`.

use std::net::SocketAddr;
use std::path::PathBuf;

use sandbox::local::{self, Options};
use sandbox::node::container::Tools;

use super::{faults, folder};
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Outcome;
use crate::run::{Context, Done};
use crate::size;

/// Arguments of `sandbox up`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Port of the API server on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// What is installed in container images
    #[arg(long, value_enum, default_value = "host")]
    tools: ToolsArg,

    /// Namespace of the release
    #[arg(long, short, default_value = "tracebloc", value_parser = namespace)]
    namespace: String,

    /// File with a fault script
    #[arg(long)]
    faults: Option<PathBuf>,

    /// Size of every volume, such as 64MiB; without it they have what the disk has
    #[arg(long, value_name = "SIZE", value_parser = volume_size)]
    volume_size: Option<u64>,

    /// Start although this is the administrator's account
    ///
    /// Whoever has the sandbox's token can run commands as the user that started it.
    #[arg(long)]
    allow_root: bool,
}

/// A smaller volume could not hold the stage directory and its lock.
const LEAST_VOLUME: u64 = 1 << 20;

/// Reads a name that Kubernetes takes for a namespace.
fn namespace(text: &str) -> Result<String, &'static str> {
    let is_inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let is_name = (1..=63).contains(&text.len())
        && text.as_bytes().iter().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("up to 63 lower case letters, digits and '-', with '-' at neither end")
    }
}

/// Reads a size that can hold something: a file system of its own takes some room for itself.
fn volume_size(text: &str) -> Result<u64, String> {
    match size::parse(text)? {
        size if size < LEAST_VOLUME => Err("at least 1MiB".to_owned()),
        size => Ok(size),
    }
}

/// A set of tools, as it is typed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ToolsArg {
    /// The machine's own
    Host,
    /// The machine's busybox
    Busybox,
    /// None
    Empty,
}

/// Starts a sandbox.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    if local::is_root() && !args.allow_root {
        let what = "the sandbox runs commands on request and does not start as root";
        return Err(Failure::new(Exit::Usage, "sandbox.root", what)
            .at("argument", "--allow-root")
            .remedy("Use another account, or add --allow-root if everybody who can read the kubeconfig may be root."));
    }
    let folder = folder(context)?;
    let faults = args.faults.as_deref().map(faults::read);
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], args.port)),
        tools: match args.tools {
            ToolsArg::Host => Tools::Host,
            ToolsArg::Busybox => Tools::Busybox,
            ToolsArg::Empty => Tools::Empty,
        },
        namespace: args.namespace.clone(),
        faults: faults.transpose()?,
        volume_bytes: args.volume_size,
    };
    let program = context.environment.program.clone().ok_or_else(|| {
        Failure::new(
            Exit::LocalIo,
            "sandbox.no-program",
            "the path of this program is not known",
        )
    })?;
    let mut serve = std::process::Command::new(program);
    serve.args(["sandbox", "serve"]);
    let state =
        local::up(&folder, &options, serve).map_err(|error| errors::sandbox(&error, &folder))?;
    let kubeconfig = local::kubeconfig(&folder).display().to_string();
    let text = format!(
        "sandbox     {}\nnamespace   {}\nkubeconfig  {kubeconfig}\n",
        state.server, state.namespace
    );
    Ok(Outcome::done(text)
        .with("server", state.server)
        .with("namespace", state.namespace)
        .with("kubeconfig", kubeconfig)
        .with("pid", state.pid))
}
