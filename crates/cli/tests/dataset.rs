//! `dataset check`.

mod common;

use common::Place;

fn check(place: &Place, more: &[&str]) -> common::Run {
    let fixed = [
        "dataset",
        "check",
        "data",
        "--table",
        "reviews",
        "--task",
        "text_classification",
        "--format=json",
    ];
    place.run(fixed.into_iter().chain(more.iter().copied()))
}

fn texts(place: &Place) {
    place.write("data/labels.csv", "filename,label\na.txt,good\nb.txt,bad\n");
    place.write("data/texts/a.txt", "a fine thing\n");
    place.write("data/texts/b.txt", "a poor thing\n");
}

#[test]
fn a_sound_folder_passes() {
    let place = Place::new();
    texts(&place);
    let result = check(&place, &["--label-column", "label"])
        .exits(0)
        .result();
    assert_eq!((&result["rows"], &result["errors"]), (&2.into(), &0.into()));
}

#[test]
fn a_missing_file_is_an_error_of_the_data() {
    let place = Place::new();
    texts(&place);
    std::fs::remove_file(place.path("data/texts/b.txt")).unwrap();
    let run = check(&place, &["--label-column", "label"]);
    assert!(
        run.json().iter().any(|line| line["type"] == "finding"),
        "{}",
        run.stdout
    );
    run.fails(3, "dataset.data");
}

#[test]
fn an_unknown_task_is_a_mistake_of_the_flags() {
    let place = Place::new();
    texts(&place);
    let fixed = [
        "dataset",
        "check",
        "data",
        "--table",
        "reviews",
        "--task",
        "nonsense",
        "--format=json",
    ];
    place.run(fixed).fails(2, "dataset.flags");
}
