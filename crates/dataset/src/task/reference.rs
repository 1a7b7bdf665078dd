//! The text of `docs/tasks.md`.

use std::fmt::Write;

use super::{
    Contract, Directory, Family, Field, Flag, FlagNeed, Grouping, Label, Link, Need, Record, Task,
};

/// Writes the reference page of all tasks from the registry, as Markdown.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    page.push_str("| Task | Family | On disk | Label | What it does |\n|---|---|---|---|---|\n");
    for task in Task::ALL {
        page.push_str(&overview_row(task.contract()));
    }
    for family in Family::ALL {
        for task in family.tasks() {
            section(&mut page, task.contract());
        }
    }
    page
}

const HEAD: &str = "\
<!-- Written from the task registry; `BLESS=1 cargo test -p dataset --test tasks` renews it. -->
# Tasks

What each task wants on disk, in its manifest and on the command line, what is checked before anything is sent, and what only the
cluster can check. Every task also takes a path, `--table`, `--task` and `--intent`.

Directory and file names are lower case and taken literally. The manifest of image and text tasks is `labels.csv`; a table is a
folder with exactly one `.csv` file, or that file itself, and is sent as `labels.csv`. Names that begin with a dot are left out.
All files of a directory must share one extension.

";

fn overview_row(row: &Contract) -> String {
    let disk = match row.directories {
        [] => "one `.csv` file".to_owned(),
        directories => {
            let mut disk = String::from("`labels.csv`");
            for directory in directories {
                disk.push_str(&format!(", `{}/`", directory.name));
            }
            disk
        }
    };
    let label = match row.label {
        Label::Forbidden => "none",
        Label::Column => "a column",
        Label::Elsewhere => "in other files",
        Label::WithPolicy => "a column and a policy",
    };
    let Contract {
        id,
        family,
        purpose,
        ..
    } = row;
    format!(
        "| [`{id}`](#{id}) | {} | {disk} | {label} | {purpose} |\n",
        family.name()
    )
}

fn section(page: &mut String, row: &Contract) {
    let mut list = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            page.push_str(title);
            for item in items {
                page.push_str(&item);
            }
        }
    };
    list(
        "",
        vec![format!(
            "\n## {}\n\n**{}** {}.\n",
            row.id, row.display_name, row.purpose
        )],
    );
    list(
        "\nDirectories:\n\n",
        row.directories.iter().map(directory).collect(),
    );
    list(
        "\nColumns:\n\n",
        row.columns
            .iter()
            .map(|c| format!("- `{}`: {}\n", c.name, c.holds))
            .collect(),
    );
    list("\nTexts:\n\n", row.record.iter().map(record).collect());
    list("\nRows:\n\n", row.grouping.iter().map(grouping).collect());
    list(
        "\nFlags:\n\n",
        row.flags
            .iter()
            .map(|used| flag(used.flag, used.need))
            .collect(),
    );
    list("\nIngest document:\n\n", document(row));
    list("\nChecked here:\n\n", vec![rules(row)]);
    list(
        "\nOnly the cluster checks:\n\n",
        row.cluster_only
            .iter()
            .flat_map(|g| g.iter())
            .map(|s| format!("- {s}\n"))
            .collect(),
    );
}

fn directory(directory: &Directory) -> String {
    let extensions = code_list(directory.extensions.iter().copied());
    let link = match directory.link {
        Link::Filename => "named by the manifest's `filename` column".to_owned(),
        Link::Stem => "one for each image, with the same stem".to_owned(),
        Link::MaskOf { column } => {
            format!("one for each image, `<stem>_mask.png`, repeated in the column `{column}`")
        }
    };
    format!("- `{}/`: {extensions}; {link}\n", directory.name)
}

fn record(record: &Record) -> String {
    let (needed, extra) = record
        .fields
        .split_at(record.min_fields.min(record.fields.len()));
    let mut shape = needed.join("<TAB>");
    for field in extra {
        shape.push_str(&format!("[<TAB>{field}]"));
    }
    let otherwise = if record.enforced {
        "anything else is refused"
    } else {
        "raw text will do as well"
    };
    format!("- one line `{shape}` a file; {otherwise}\n")
}

fn grouping(grouping: &Grouping) -> String {
    let Grouping {
        group_column,
        time_column,
        count_unit,
    } = grouping;
    format!(
        "- `{group_column}` joins rows into {count_unit}, `{time_column}` orders them; {count_unit} are counted, not rows\n"
    )
}

fn flag(flag: Flag, need: FlagNeed) -> String {
    let name = match flag.value_name() {
        "" => flag.name().to_owned(),
        value => format!("{} {value}", flag.name()),
    };
    match need {
        FlagNeed::Required => format!("- `{name}` (required): {}\n", flag.help()),
        FlagNeed::Default(default) => format!("- `{name}` (default: {default}): {}\n", flag.help()),
    }
}

fn document(row: &Contract) -> Vec<String> {
    let fields = |need| {
        code_list(
            Field::ALL
                .into_iter()
                .filter(|f| row.task.need(*f) == need)
                .map(Field::key),
        )
    };
    let mut lines = Vec::new();
    for (need, word) in [
        (Need::Required, "needs"),
        (Need::Optional, "may have"),
        (Need::Forbidden, "must not have"),
    ] {
        let keys = fields(need);
        if !keys.is_empty() {
            lines.push(format!("- {word} {keys}\n"));
        }
    }
    lines
}

fn rules(row: &Contract) -> String {
    let mut text = String::new();
    for group in row.rules {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "- {}", code_list(group.iter().copied()));
    }
    text
}

fn code_list(items: impl Iterator<Item = &'static str>) -> String {
    items
        .map(|item| format!("`{item}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
