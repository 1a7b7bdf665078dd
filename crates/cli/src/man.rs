//! `longshore man`: the manual pages.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;
use fsroot::{Existing, Mode, RelPath, StagedTree};

use crate::args::Cli;
use crate::errors::{Side, files};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Outcome, printable};
use crate::recovery;
use crate::run::{Context, Done};

/// Write the manual pages
///
/// One page for the program and one for each command, ready for `man -l` or a `man1` folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to make; it must not exist or be empty
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Writes every page into a new folder.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let pages = pages()?;
    write(&args.output, &pages, context).map_err(|error| files(&error, Side::Output))?;
    let count = pages.len() as u64;
    let text = format!(
        "{} in {}\n",
        Amount(count, "page"),
        printable(&args.output.display().to_string())
    );
    Ok(Outcome::done(text)
        .with("output", args.output.display().to_string())
        .with("pages", count))
}

fn write(
    directory: &Path,
    pages: &[(String, Vec<u8>)],
    context: &Context,
) -> Result<(), fsroot::Error> {
    let (tree, recoveries) = StagedTree::begin(directory, Existing::Refuse)?;
    recovery::tell(&recoveries, &context.output);
    let mut writer = tree.writer();
    for (name, page) in pages {
        // Names are made of command names, which are letters and hyphens.
        if let Ok(path) = RelPath::new(name) {
            writer.write(&path, Mode::Shared, page)?;
        }
    }
    drop(writer);
    tree.publish().map(drop)
}

fn pages() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    add_pages(&root, "", &mut pages).map_err(|error| {
        Failure::new(
            Exit::Internal,
            "internal.man-page",
            "a manual page could not be rendered",
        )
        .because(&error)
    })?;
    Ok(pages)
}

fn add_pages(
    command: &clap::Command,
    parent: &str,
    pages: &mut Vec<(String, Vec<u8>)>,
) -> std::io::Result<()> {
    let name = if parent.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{parent}-{}", command.get_name())
    };
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name.to_uppercase())
        .render(&mut page)?;
    pages.push((format!("{name}.1"), page));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        add_pages(sub, &name, pages)?;
    }
    Ok(())
}
