//! Keypoint detection: coordinates and visibilities in JSON cells.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Row;
use crate::finding::Findings;
use crate::rule::Rule;
use crate::size::Size;
use crate::size::amount;

/// Checks the cells while rows pass.
#[derive(Debug)]
pub(crate) struct Keypoints {
    pub(crate) annotation: Option<(usize, Arc<str>)>,
    pub(crate) visibility: Option<(usize, Arc<str>)>,
    /// The declared number of keypoints, if known.
    pub(crate) count: Option<u32>,
    /// The declared size of the images, if known.
    pub(crate) size: Option<Size>,
    /// The names of the first row.
    pub(crate) names: Option<BTreeSet<String>>,
}

impl Keypoints {
    /// Checks the next row.
    pub(crate) fn row(&mut self, row: Row<'_>, findings: &mut Findings) {
        let annotation = self.annotation.clone();
        let points = annotation
            .as_ref()
            .and_then(|column| object(row, column, findings));
        if let (Some(points), Some((_, name))) = (&points, &annotation) {
            self.points(points, row, name, findings);
        }
        if let Some(column) = &self.visibility
            && let Some(visibility) = object(row, column, findings)
        {
            check_visibility(&visibility, points.as_ref(), row, &column.1, findings);
        }
    }

    fn points(
        &mut self,
        points: &Map<String, Value>,
        row: Row<'_>,
        column: &Arc<str>,
        findings: &mut Findings,
    ) {
        let number = row.number;
        let mut add = |rule, message: String| findings.add(rule, row.place(column), message);
        let mut read = Vec::with_capacity(points.len());
        for (name, value) in points {
            match point(value) {
                Some(point) => read.push(point),
                None => add(
                    Rule::KeypointValue,
                    format!(
                        "Keypoint {name} of data row {number} is not a pair of numbers of zero or more."
                    ),
                ),
            }
        }
        if let Some(count) = self.count
            && points.len() as u64 != u64::from(count)
        {
            let message = format!(
                "Data row {number} has {} instead of {count}.",
                amount(points.len() as u64, "keypoint")
            );
            add(Rule::KeypointCount, message);
        }
        if read.len() == points.len() && read.len() >= 2 && is_flat(&read) {
            let message = format!(
                "All keypoints of data row {number} lie on one horizontal or vertical line."
            );
            add(Rule::KeypointBox, message);
        }
        if let Some(size) = self.size
            && read
                .iter()
                .any(|(x, y)| *x > f64::from(size.width) || *y > f64::from(size.height))
        {
            let message = format!("A keypoint of data row {number} lies outside of {size}.");
            add(Rule::KeypointOutside, message);
        }
        let names: BTreeSet<_> = points.keys().cloned().collect();
        if *self.names.get_or_insert_with(|| names.clone()) != names {
            let message = format!("Data row {number} has other keypoint names than the first one.");
            add(Rule::KeypointNames, message);
        }
    }
}

fn object(
    row: Row<'_>,
    (index, name): &(usize, Arc<str>),
    findings: &mut Findings,
) -> Option<Map<String, Value>> {
    let object = serde_json::from_slice(row.record.cell(*index)).ok();
    if object.is_none() {
        let message = format!("`{name}` of data row {} is not a JSON object.", row.number);
        findings.add(Rule::KeypointJson, row.place(name), message);
    }
    object
}

fn point(value: &Value) -> Option<(f64, f64)> {
    let (x, y) = match value {
        Value::Array(pair) => match pair.as_slice() {
            [x, y] => (x, y),
            _ => return None,
        },
        Value::Object(object) => (object.get("x")?, object.get("y")?),
        _ => return None,
    };
    let (x, y) = (x.as_f64()?, y.as_f64()?);
    (x >= 0.0 && y >= 0.0).then_some((x, y))
}

fn is_flat(points: &[(f64, f64)]) -> bool {
    let flat = |side: fn(&(f64, f64)) -> f64| {
        let first = points.first().map(side);
        points.iter().all(|point| Some(side(point)) == first)
    };
    flat(|point| point.0) || flat(|point| point.1)
}

fn check_visibility(
    visibility: &Map<String, Value>,
    points: Option<&Map<String, Value>>,
    row: Row<'_>,
    column: &Arc<str>,
    findings: &mut Findings,
) {
    let is_flag = |value: &Value| {
        value
            .as_f64()
            .is_some_and(|value| value == 0.0 || value == 1.0)
    };
    let same_names = points.is_none_or(|points| {
        points.len() == visibility.len() && points.keys().all(|name| visibility.contains_key(name))
    });
    if !visibility.values().all(is_flag) {
        let message = format!(
            "A visibility of data row {} is neither 0 nor 1.",
            row.number
        );
        findings.add(Rule::KeypointVisibility, row.place(column), message);
    } else if !same_names {
        let message = format!(
            "The visibilities of data row {} have other names than its keypoints.",
            row.number
        );
        findings.add(Rule::KeypointVisibility, row.place(column), message);
    }
}
