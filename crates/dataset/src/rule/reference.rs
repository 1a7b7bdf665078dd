//! The text of `docs/dataset-check.md`.

use super::{Certainty, Remedied, Row, Scope, Severity, TABLE};

const HEAD: &str = "\
<!-- Written from the rule table; `BLESS=1 cargo test -p dataset --test rules` renews it. -->
# What `dataset check` looks for

Every rule is an **error** where all ingestors refuse the data or lose rows over it. Otherwise it is a **warning**; the third column
names the ingestors that refuse the data, and `--for-ingestor older|newer|newest` turns the warnings of that age into errors. Where it
is not known what exactly is refused (\"in doubt\"), a warning stays a warning. Notes need no action.

An error that a flag mends ends the check with exit code 2, one that the data mends with 3, and if there are both, with 3. With
`--strict` warnings count as errors in the data.

A finding names its place as far as there is one: file, line of the file, data row (the header not counted) and column. Cell contents
are not repeated, except for names of files. Rules about rows are silent when the manifest is not text, has a quote that never
closes, has a record above `--max-record-size`, or has no rows; a rule about files that rows name or that belong together by name is
silent where one of the directories could not be used. As text five findings of each rule are shown and the rest is counted;
`--format json` carries every one of them.

Which rules apply to which task is in [tasks.md](tasks.md).

| Rule | Severity | Refused by | Mended in | What offends | What to do |
|---|---|---|---|---|---|
";

/// Writes the reference page of all rules, as Markdown.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for row in TABLE {
        page.push_str(&line(row));
    }
    page
}

fn line(row: &Row) -> String {
    let refused_by = match (row.severity, row.scope, row.certainty) {
        (Severity::Note, _, _) => "–".to_owned(),
        (_, Scope::Common, _) if row.severity == Severity::Error => "refused here".to_owned(),
        (_, _, Certainty::InDoubt) => format!("{}, in doubt", row.refused_by),
        (_, _, Certainty::Known) => row.refused_by.to_string(),
    };
    let remedied = match row.remedied {
        Remedied::InData => "data",
        Remedied::ByFlag => "flag",
    };
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
    format!(
        "| `{}` | {} | {refused_by} | {remedied} | {} | {} |\n",
        row.id,
        row.severity,
        cell(row.offence),
        cell(row.remedy)
    )
}
