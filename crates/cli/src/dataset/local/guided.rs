//! Guided mode: questions for what is missing on the command line.

use std::path::{Path, PathBuf};

use dataset::finding::Findings;
use dataset::ingest::final_prefix;
use dataset::names::check_table;
use dataset::rule::Severity;
use dataset::size::Size;
use dataset::task::{Family, Flag, FlagNeed, Task};
use dataset::{Guess, columns, guess};

use super::args::{Args, Shape};
use super::ask::{Answer, Asker, Offer};
use super::{Purpose, exists};
use crate::home;
use crate::output::printable;
use crate::run::Context;

/// Says whether something that the task needs is missing, and somebody is there to ask.
pub(super) fn is_wanted(args: &Args, context: &Context) -> bool {
    let environment = &context.environment;
    let somebody = environment.stdin_is_terminal && environment.stdout_is_terminal;
    somebody && !args.no_input && !context.output.is_json() && is_incomplete(args)
}

fn is_incomplete(args: &Args) -> bool {
    let given = |flag: Flag| match flag {
        Flag::LabelColumn => args.shape.label_column.is_some(),
        Flag::NumberOfKeypoints => args.shape.number_of_keypoints.is_some(),
        _ => true,
    };
    let task = args.task().map(Task::parse);
    let lacks_flag = matches!(task, Some(Ok(task)) if Flag::ALL
        .into_iter()
        .any(|flag| flag.need(task) == Some(FlagNeed::Required) && !given(flag)));
    args.path.is_none() || args.table().is_none() || task.is_none() || lacks_flag
}

/// Asks all questions, with what was given as proposals. `false` if nobody wants to go on.
pub(super) fn complete(args: &mut Args, purpose: Purpose, context: &Context) -> bool {
    let asker = Asker::new(&context.output, &context.signals);
    let home = context.environment.home.as_deref();
    questions(args, purpose, &asker, home).unwrap_or(false)
}

fn questions(
    args: &mut Args,
    purpose: Purpose,
    asker: &Asker<'_>,
    home: Option<&Path>,
) -> Answer<bool> {
    asker.say(&format!(
        "Something is missing to {} a dataset. Return takes what is in brackets, Ctrl-C cancels.",
        purpose.verb()
    ));
    args.intent = split(&args.intent, asker)?;
    let table = name(args.table(), asker)?;
    (args.name, args.table) = (None, Some(table));
    let path = path(args.path.as_deref(), asker, home)?;
    let given = args.task().and_then(|id| Task::parse(id).ok());
    let task = task(given, &path, asker)?;
    if let Some(given) = given.filter(|given| *given != task) {
        drop_flags_of(given, task, &mut args.shape);
    }
    (args.category, args.task) = (None, Some(task.id().to_owned()));
    refine(&mut args.shape, task, &path, asker)?;
    args.path = Some(path);
    review(args, task, purpose, asker)
}

fn split(given: &str, asker: &Asker<'_>) -> Answer<String> {
    let offers = [Offer::plain("train"), Offer::plain("test")];
    let default = offers
        .iter()
        .position(|offer| offer.name == given)
        .unwrap_or(0);
    let index = asker.choice("1 of 4: What is the data for?", &offers, Some(default))?;
    Ok(if index == 0 { "train" } else { "test" }.to_owned())
}

fn name(given: Option<&str>, asker: &Asker<'_>) -> Answer<String> {
    asker.text("2 of 4: Name of the table", given, |answer| {
        let mut findings = Findings::new(None, None);
        check_table(answer, &mut findings);
        let error = findings
            .kept()
            .iter()
            .find(|finding| finding.severity == Severity::Error);
        match error {
            Some(error) => Err(format!("{} {}", printable(&error.message), error.remedy)),
            None => Ok(answer.to_owned()),
        }
    })
}

fn path(given: Option<&Path>, asker: &Asker<'_>, home: Option<&Path>) -> Answer<PathBuf> {
    let given = given.map(|path| path.display().to_string());
    asker.text("3 of 4: Path of the dataset", given.as_deref(), |answer| {
        let path = home::expand(Path::new(unquoted(answer)), home);
        match (answer.is_empty(), exists(&path)) {
            (true, _) => Err("A path is needed.".to_owned()),
            (_, true) => Ok(path),
            (_, false) => Err(format!(
                "Nothing can be found at {}.",
                printable(&path.display().to_string())
            )),
        }
    })
}

/// Takes off one pair of quotes, which a path has that was dragged onto the terminal.
fn unquoted(answer: &str) -> &str {
    let answer = answer.trim();
    let inside = |quote: char| answer.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"')).unwrap_or(answer)
}

fn task(given: Option<Task>, path: &Path, asker: &Asker<'_>) -> Answer<Task> {
    let family = match given {
        Some(task) => task.family(),
        None => family(path, asker)?,
    };
    let tasks: Vec<Task> = family.tasks().collect();
    let offers: Vec<Offer> = tasks
        .iter()
        .map(|task| Offer {
            name: task.id().to_owned(),
            about: task.contract().purpose.to_owned(),
        })
        .collect();
    let default = given.and_then(|given| tasks.iter().position(|task| *task == given));
    let index = asker.choice("4 of 4: Which task is it for?", &offers, default)?;
    Ok(tasks
        .get(index)
        .copied()
        .unwrap_or(Task::TabularClassification))
}

fn family(path: &Path, asker: &Asker<'_>) -> Answer<Family> {
    match guess(path) {
        Guess::Family(Family::Tabular) => {
            asker.say("  This is a table.");
            Ok(Family::Tabular)
        }
        Guess::Family(Family::Image) => {
            asker.say("  This is a folder of images.");
            Ok(Family::Image)
        }
        Guess::Family(Family::Text) => {
            asker.say("  This looks like a folder of texts.");
            Ok(Family::Text)
        }
        Guess::Unsure(hint) => {
            if let Some(hint) = hint {
                asker.say(&format!("  {}", printable(&hint)));
            }
            let offers = Family::ALL.map(|family| Offer::plain(family.name()));
            let index = asker.choice("What kind of data is it?", &offers, Some(0))?;
            Ok(Family::ALL.get(index).copied().unwrap_or(Family::Tabular))
        }
    }
}

/// Forgets values that the task had use for that was given, and the chosen one has not. Values that fitted neither are mistakes
/// of the command line, which the check will tell.
fn drop_flags_of(given: Task, chosen: Task, shape: &mut Shape) {
    for flag in Flag::ALL {
        if flag.need(given).is_none() || flag.need(chosen).is_some() {
            continue;
        }
        match flag {
            Flag::TargetSize => shape.target_size = None,
            Flag::MinSize => shape.min_size = None,
            Flag::Schema => (shape.schema, shape.schema_file) = (None, None),
            Flag::LabelPolicy => shape.label_policy = None,
            Flag::TimeColumn => shape.time_column = None,
            Flag::NumberOfKeypoints => shape.number_of_keypoints = None,
            Flag::LabelColumn => shape.label_column = None,
            Flag::StageTokenizer => shape.stage_tokenizer = false,
        }
    }
}

fn refine(shape: &mut Shape, task: Task, path: &Path, asker: &Asker<'_>) -> Answer<()> {
    let takes = |flag: Flag| flag.need(task).is_some();
    if Flag::LabelColumn.need(task) == Some(FlagNeed::Required) {
        shape.label_column = Some(label(shape.label_column.as_deref(), task, path, asker)?);
    }
    if takes(Flag::NumberOfKeypoints) {
        let given = shape.number_of_keypoints.as_deref();
        shape.number_of_keypoints =
            Some(asker.text("Keypoints of each image", given, keypoints)?);
    }
    if takes(Flag::TargetSize) {
        let question = "Size of the images, as in 512x512; nothing to take that of the first one";
        shape.target_size = optional(question, shape.target_size.as_deref(), asker, |text| {
            Size::parse(text)
                .map(drop)
                .ok_or_else(|| "Two positive numbers are needed, such as 512x512.".to_owned())
        })?;
    }
    if takes(Flag::Schema) && shape.schema_file.is_none() {
        let question = "Column types, as in age:INT,city:VARCHAR(40); nothing to infer them";
        shape.schema = optional(question, shape.schema.as_deref(), asker, |_| Ok(()))?;
    }
    if takes(Flag::LabelPolicy) {
        shape.label_policy = Some(policy(shape.label_policy.as_deref(), asker)?);
    }
    if let Some(FlagNeed::Default(default)) = Flag::TimeColumn.need(task) {
        let given = shape.time_column.as_deref().unwrap_or(default);
        shape.time_column = Some(asker.text("The column with the time", Some(given), anything)?);
    }
    Ok(())
}

fn label(given: Option<&str>, task: Task, path: &Path, asker: &Asker<'_>) -> Answer<String> {
    let mut columns = columns(path, task);
    // A column without a name cannot be named on the command line either.
    columns.retain(|column| !column.is_empty());
    if columns.is_empty() {
        return asker.text("The column with the label", given, anything);
    }
    let of_name = |wanted: &str| {
        let wanted = wanted.to_lowercase();
        columns
            .iter()
            .position(|column| column.to_lowercase() == wanted)
    };
    let default = given
        .and_then(of_name)
        .or_else(|| of_name("label"))
        .unwrap_or(0);
    let offers: Vec<Offer> = columns
        .iter()
        .map(|column| Offer::plain(&**column))
        .collect();
    let index = asker.choice("Which column has the label?", &offers, Some(default))?;
    Ok(columns
        .get(index)
        .map(|column| column.to_string())
        .unwrap_or_default())
}

fn policy(given: Option<&str>, asker: &Asker<'_>) -> Answer<String> {
    let offer = |name: &str, about: &str| Offer {
        name: name.to_owned(),
        about: about.to_owned(),
    };
    let offers = [
        offer(
            "bucket",
            "one of 64 anonymous codes leaves the cluster in its place",
        ),
        offer("passthrough", "the value itself leaves the cluster"),
    ];
    let default = offers
        .iter()
        .position(|offer| Some(offer.name.as_str()) == given)
        .unwrap_or(0);
    let index = asker.choice(
        "What may leave the cluster of a label?",
        &offers,
        Some(default),
    )?;
    Ok(if index == 0 { "bucket" } else { "passthrough" }.to_owned())
}

fn keypoints(answer: &str) -> Result<String, String> {
    let is_count = answer.parse::<u32>().is_ok_and(|count| count > 0);
    is_count
        .then(|| answer.to_owned())
        .ok_or_else(|| "A positive whole number is needed.".to_owned())
}

fn anything(answer: &str) -> Result<String, String> {
    match answer {
        "" => Err("A name is needed.".to_owned()),
        answer => Ok(answer.to_owned()),
    }
}

/// Asks for a value that may be left out.
fn optional(
    question: &str,
    given: Option<&str>,
    asker: &Asker<'_>,
    judge: impl Fn(&str) -> Result<(), String>,
) -> Answer<Option<String>> {
    asker.text(
        question,
        Some(given.unwrap_or_default()),
        |answer| match answer {
            "" => Ok(None),
            answer => judge(answer).map(|()| Some(answer.to_owned())),
        },
    )
}

fn review(args: &Args, task: Task, purpose: Purpose, asker: &Asker<'_>) -> Answer<bool> {
    let table = args.table().unwrap_or_default();
    let path = args.path.as_deref().unwrap_or(Path::new(""));
    let line = |what: &str, says: &str| asker.say(&format!("  {what:<12} {}", printable(says)));
    line("path", &path.display().to_string());
    line("name", table);
    line("task", task.id());
    line("intent", &args.intent);
    let shape = &args.shape;
    for (what, value) in [
        ("label column", &shape.label_column),
        ("label policy", &shape.label_policy),
        ("time column", &shape.time_column),
        ("keypoints", &shape.number_of_keypoints),
        ("image size", &shape.target_size),
        ("column types", &shape.schema),
    ] {
        if let Some(value) = value {
            line(what, value);
        }
    }
    if let Ok(destination) = final_prefix(table) {
        line("destination", &destination);
    }
    asker.confirm(match purpose {
        Purpose::Check => "Check it?",
        Purpose::Push => "Push it?",
    })
}
