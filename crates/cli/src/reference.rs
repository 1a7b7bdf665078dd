//! Keeps `docs/cli.md` equal to what the command line says of itself.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use crate::args::Cli;

const HEAD: &str = "# Command line\n\n\
    This page is generated from the program's own help; `BLESS=1 cargo test -p longshore` writes it anew.\n\
    Exit codes are in [exit-codes.md](exit-codes.md), the JSON form in [output.md](output.md).\n";

#[test]
fn the_page_is_what_the_program_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let page = page();
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        std::fs::write(path, &page).expect("docs/cli.md is writable");
    }
    let stored = std::fs::read_to_string(path).expect("docs/cli.md is there");
    assert!(
        stored == page,
        "docs/cli.md is out of date; run the tests with BLESS=1"
    );
}

/// Every flag that takes a value names it, and everything that is shown has a description.
#[test]
fn nothing_is_undescribed() {
    fn check(command: &Command) {
        assert!(
            command.get_about().is_some(),
            "{} has no description",
            command.get_name()
        );
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(
                arg.get_help().is_some(),
                "{} {} has no help",
                command.get_name(),
                arg.get_id()
            );
        }
        command.get_subcommands().for_each(check);
    }
    let mut root = Cli::command();
    root.build();
    check(&root);
}

fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = HEAD.to_owned();
    section(&mut text, &root, &[]);
    text
}

fn section(text: &mut String, command: &Command, parents: &[&str]) {
    let mut path = parents.to_vec();
    path.push(command.get_name());
    let depth = "#".repeat(path.len().min(3) + 1);
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string);
    writeln!(
        text,
        "\n{depth} `{}`\n\n{}",
        path.join(" "),
        about.unwrap_or_default()
    )
    .unwrap();

    let commands: Vec<&Command> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .collect();
    if commands.is_empty() {
        let usage = command.clone().render_usage().to_string();
        writeln!(text, "\n```text\n{usage}\n```").unwrap();
    }
    arguments(text, command, path.len() == 1);
    for sub in commands {
        section(text, sub, &path);
    }
}

/// Global options are listed once, for the program as a whole.
fn arguments(text: &mut String, command: &Command, is_root: bool) {
    let shown = |arg: &&Arg| {
        !arg.is_hide_set() && (is_root || !arg.is_global_set()) && arg.get_id() != "help"
    };
    let rows: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    if rows.is_empty() {
        return;
    }
    writeln!(text, "\n| argument | meaning |\n|---|---|").unwrap();
    for arg in rows {
        writeln!(text, "| `{}` | {} |", spelling(arg), meaning(arg)).unwrap();
    }
}

fn spelling(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default();
    let value = match arg.get_action().takes_values() {
        true => values
            .first()
            .map(|name| format!("<{name}>"))
            .unwrap_or_default(),
        false => String::new(),
    };
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    format!("{} {value}", names.join(", ")).trim().to_owned()
}

fn meaning(arg: &Arg) -> String {
    let help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let paragraphs: Vec<String> = help
        .split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect();
    let mut text = paragraphs
        .iter()
        .map(|paragraph| match paragraph.ends_with(['.', ':']) {
            true => paragraph.clone(),
            false => format!("{paragraph}."),
        })
        .collect::<Vec<_>>()
        .join(" ");
    let possible: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !possible.is_empty() && arg.get_action().takes_values() {
        write!(text, " One of {}.", possible.join(", ")).unwrap();
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        write!(text, " Default: `{}`.", defaults.join(",")).unwrap();
    }
    text.replace('|', "\\|")
}
