//! `dataset check` on a terminal: it asks for what is missing, and only there.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use common::Place;
use testkit::command::streams::terminal;

/// Runs the command on a terminal, types the answers, and gives what appeared there with the exit code.
fn converse(place: &Place, words: &str, answers: &str) -> (Option<i32>, String) {
    let (mut keyboard, screen, mut child) = start(place, words);
    keyboard.write_all(answers.as_bytes()).unwrap();
    let status = child.wait().unwrap();
    (status.code(), rest(screen))
}

fn start(place: &Place, words: &str) -> (File, File, Child) {
    let (controller, user) = terminal();
    let mut command = place.command(words.split_whitespace());
    command.env("TERM", "xterm");
    command
        .stdin(Stdio::from(user.try_clone().unwrap()))
        .stdout(Stdio::from(user.try_clone().unwrap()))
        .stderr(Stdio::from(user));
    let child = command.spawn().unwrap();
    (controller.try_clone().unwrap(), controller, child)
}

/// Reads until the last program has closed the terminal, which Linux reports as an error.
fn rest(mut screen: File) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = screen.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&seen).replace('\r', "")
}

fn images(place: &Place) {
    // The smallest thing with a JPEG's header, 64 by 64.
    let jpeg = [
        0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 64, 0, 64, 1, 1, 0x11, 0, 0xFF, 0xD9,
    ];
    place.write("data/labels.csv", "filename,kind\na,cat\nb,dog\nc,cat\n");
    for name in ["a", "b", "c"] {
        place.write(format!("data/images/{name}.jpg"), jpeg);
    }
}

#[test]
fn all_questions_can_be_answered() {
    let place = Place::new();
    images(&place);
    // Split by name, a bad table name and a good one, a path in quotes, the task by number, the label by name, the size left
    // to be found, and yes.
    let answers = "test\ncats-dogs\ncats_dogs\nnowhere\n 'data' \n1\nkind\n\ny\n";
    let (code, screen) = converse(&place, "dataset check", answers);
    assert_eq!(code, Some(0), "{screen}");
    for expected in [
        "1 of 4: What is the data for?",
        "2 of 4: Name of the table",
        "'cats-dogs' cannot be a table name.",
        "3 of 4: Path of the dataset",
        "Nothing can be found at nowhere.",
        "This is a folder of images.",
        "4 of 4: Which task is it for?",
        "Which column has the label?",
        "intent       test",
        "label column kind",
        "2 classes",
        // A bar for each class.
        "██████",
    ] {
        assert!(screen.contains(expected), "no {expected:?} in\n{screen}");
    }
    assert!(
        !screen.contains("text_classification"),
        "only tasks of the family are offered\n{screen}"
    );
}

#[test]
fn what_is_given_is_proposed_and_return_takes_it() {
    let place = Place::new();
    place.write("t.csv", "a,Label,b\n1,2.5,x\n2,3.5,y\n");
    let words = "dataset check t.csv --table flats --task tabular_regression --intent test --label-policy passthrough";
    let (code, screen) = converse(&place, words, "\n\n\n\n\n\n\n\n");
    assert_eq!(code, Some(0), "{screen}");
    // The column called like a label is proposed, whatever its case.
    assert!(
        screen.contains("label column Label (passthrough)"),
        "{screen}"
    );
    assert!(screen.contains("intent       test"), "{screen}");
}

#[test]
fn values_of_the_task_moved_away_from_are_dropped() {
    let place = Place::new();
    place.write("t.csv", "a,label\n1,x\n2,y\n");
    let words = "dataset check t.csv --table t --task tabular_regression --label-policy bucket";
    let answers = "\n\n\ntabular_classification\n\n\n\n";
    let (code, screen) = converse(&place, words, answers);
    assert_eq!(code, Some(0), "{screen}");
    // A flag that fitted neither task is a mistake, and stays one.
    let words = format!("{words} --min-size 5x5");
    let (code, screen) = converse(&place, &words, answers);
    assert_eq!(code, Some(2), "{screen}");
    assert!(screen.contains("[flag.unused]"), "{screen}");
}

#[test]
fn whoever_declines_or_goes_away_has_done_nothing() {
    let place = Place::new();
    images(&place);
    for answers in ["\nt\ndata\n1\n1\n\nn\n", "\nt\n\u{4}", "\u{4}"] {
        let (code, screen) = converse(&place, "dataset check", answers);
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains("Cancelled; nothing was done."), "{screen}");
        assert!(!screen.contains("Local dataset"), "{screen}");
    }
}

#[test]
fn an_interrupt_cancels() {
    let place = Place::new();
    let (_keyboard, mut screen, mut child) = start(&place, "dataset check");
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains("number or name") {
        let read = screen.read(&mut buffer).unwrap();
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(rest(screen).contains("Cancelled; nothing was done."));
}

#[test]
fn nobody_is_asked_without_a_terminal_or_against_their_will() {
    let place = Place::new();
    let words = "dataset check";
    place.run(words.split_whitespace()).exits(2);
    for more in ["--no-input", "--format=json"] {
        let (code, screen) = converse(&place, &format!("{words} {more}"), "");
        assert_eq!(code, Some(2), "{screen}");
        assert!(!screen.contains("1 of 4"), "{screen}");
    }
    // Nothing is missing, so that there is nothing to ask.
    place.write("t.csv", "a,label\n1,x\n2,y\n");
    let words = "dataset check t.csv --table t --task tabular_classification --label-column label";
    let (code, screen) = converse(&place, words, "");
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("1 of 4"), "{screen}");
}
