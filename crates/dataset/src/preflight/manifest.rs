//! The pass over the manifest's rows.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::Facts;
use super::columns::{self, Width};
use crate::csv::{Flaw, Header, Offence, ReadError, Record, Records, read_ahead};
use crate::files::text::flaw;
use crate::finding::{Findings, Place};
use crate::forecast::Forecast;
use crate::labels::{Distribution, Reading, Tally};
use crate::layout::{Layout, unreadable};
use crate::observe::{Observer, Stopped, go_on};
use crate::request::Settings;
use crate::rows::Row;
use crate::rows::bio::Tags;
use crate::rows::event::Event;
use crate::rows::feature::Features;
use crate::rows::filename::Filenames;
use crate::rows::group::Groups;
use crate::rows::keypoint::Keypoints;
use crate::rows::mask_id::MaskIds;
use crate::rule::Rule;
use crate::size::{amount, human_bytes};
use crate::tabular::{Inference, Schema, ValueChecks};
use crate::task::{Classes, Contract, Family, Link};

/// Rows between two looks at whether to stop.
const ROWS_BETWEEN_LOOKS: u64 = 4096;

/// A second thread for reading pays from this size on.
const READ_AHEAD_FROM_BYTES: u64 = 1 << 20;

/// Reads the manifest and applies all rules about it. Gives which files of the first directory rows name, if rows could be read.
pub(super) fn check(
    layout: &Layout,
    settings: &Settings,
    facts: &mut Facts,
    observer: &dyn Observer,
    findings: &mut Findings,
) -> Result<Option<Vec<bool>>, Stopped> {
    let file = &layout.manifest.shown;
    let open = match layout.root.open_file(&layout.manifest.stored) {
        Ok(open) => open,
        Err(error) => {
            unreadable(file, &error, findings);
            return Ok(None);
        }
    };
    let mut pass = None;
    let mut about_rows = findings.empty_like();
    let result = read(
        &open.file,
        layout,
        settings,
        facts,
        observer,
        findings,
        &mut about_rows,
        &mut pass,
    );
    match result {
        Ok(rows) => {
            facts.rows = Some(rows);
            if rows == 0 {
                no_rows(file, !facts.columns.is_empty(), findings);
                return Ok(None);
            }
        }
        Err(Ended::Stopped(stopped)) => return Err(stopped),
        Err(Ended::Unreadable(error)) => {
            go_on(observer)?;
            report(&error, &open.file, file, findings);
            return Ok(None);
        }
    }
    let Some(pass) = pass else {
        return Ok(None);
    };
    let referenced = pass.finish(settings, facts, file, &mut about_rows)?;
    findings.absorb(about_rows);
    Ok(referenced)
}

/// Why rows end early.
enum Ended {
    Unreadable(ReadError),
    Stopped(Stopped),
}

impl From<ReadError> for Ended {
    fn from(error: ReadError) -> Ended {
        Ended::Unreadable(error)
    }
}

impl From<Stopped> for Ended {
    fn from(stopped: Stopped) -> Ended {
        Ended::Stopped(stopped)
    }
}

/// A file whose reading ends with an error when the observer wants to stop. Rows are looked at as well, but a record of many
/// gigabytes is none for a long time.
struct Watched<'a, R> {
    source: R,
    observer: &'a dyn Observer,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        go_on(self.observer).map_err(io::Error::other)?;
        self.source.read(buffer)
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "what is found about rows must be told from the rest until the file has been read to its end"
)]
fn read<'a>(
    source: impl Read + Send,
    layout: &'a Layout,
    settings: &'a Settings,
    facts: &mut Facts,
    observer: &dyn Observer,
    findings: &mut Findings,
    about_rows: &mut Findings,
    pass: &mut Option<Pass<'a>>,
) -> Result<u64, Ended> {
    let file = &layout.manifest.shown;
    let source = Watched { source, observer };
    let mut records = Records::with_limit(source, settings.record_max_bytes)?;
    if records.has_bom() {
        let message = format!("{file} begins with a byte-order mark.");
        findings.add(Rule::CsvBom, Place::file(Arc::clone(file)).line(1), message);
    }
    let header = loop {
        match records.next()? {
            Some(record) if record.is_blank_line() => {}
            Some(record) => break Header::new(&record),
            None => return Ok(0),
        }
    };
    facts.columns = header.names().to_vec();
    let declared = settings.schema.as_ref();
    let width = columns::names(&header, declared, settings.task, file, findings);
    let pass = pass.insert(Pass::new(header, width, layout, settings, facts, findings));
    let mut number = 0;
    let mut take = |record: &Record<'_>| {
        if record.is_blank_line() {
            return Ok(());
        }
        number += 1;
        pass.row(record, number, file, about_rows)?;
        match number % ROWS_BETWEEN_LOOKS {
            0 => go_on(observer),
            _ => Ok(()),
        }
    };
    if layout.manifest.stamp.size_bytes > READ_AHEAD_FROM_BYTES {
        read_ahead(records, take)??;
    } else {
        while let Some(record) = records.next()? {
            take(&record)?;
        }
    }
    Ok(number)
}

/// The rules that a task's rows go through.
struct Pass<'a> {
    header: Header,
    layout: &'a Layout,
    contract: &'static Contract,
    label: Option<usize>,
    tally: Option<Tally>,
    inference: Option<Inference>,
    values: Option<ValueChecks>,
    features: Option<Features>,
    filenames: Option<Filenames<'a>>,
    mask_ids: Option<MaskIds<'a>>,
    keypoints: Option<Keypoints>,
    tags: Option<Tags>,
    groups: Option<Groups>,
    forecast: Option<Forecast>,
    event: Option<Event>,
    backslashes: Option<(u64, u64)>,
    backslash_count: u64,
}

impl<'a> Pass<'a> {
    fn new(
        header: Header,
        width: Width,
        layout: &'a Layout,
        settings: &Settings,
        facts: &mut Facts,
        findings: &mut Findings,
    ) -> Pass<'a> {
        let contract = settings.task.contract();
        let file = &layout.manifest.shown;
        let name = |index: usize| Arc::clone(&header.names()[index]);
        let is_table = contract.family == Family::Tabular;
        let label = settings
            .label_column
            .as_deref()
            .and_then(|wanted| columns::label(&header, wanted, file, findings));
        facts.label_column = label.map(name);
        let declared = settings.schema.as_ref().filter(|_| is_table);
        let event = findings
            .applies(Rule::EventColumn)
            .then(|| columns::time(&header, settings.time_column.as_deref(), file, findings))
            .flatten();
        facts.time_column = event.map(name);
        let timestamp = header
            .exact("timestamp")
            .filter(|_| findings.applies(Rule::ForecastColumn));
        let grouping = contract.grouping;
        let group_time = grouping.and_then(|grouping| header.loose(grouping.time_column));
        let except: Vec<_> = [label, event, timestamp, group_time]
            .into_iter()
            .flatten()
            .collect();
        let values = declared.map(|schema| ValueChecks::new(schema, &header, &except));
        let pass_filenames = (!is_table)
            .then(|| filenames(&header, layout, contract, facts, findings))
            .flatten();
        let files = layout
            .primary(contract)
            .map_or(0, |directory| directory.files.len());
        Pass {
            label,
            tally: label.map(|_| Tally::default()),
            inference: (is_table && declared.is_none() && width == Width::Fits)
                .then(|| Inference::new(header.len())),
            values,
            features: findings
                .applies(Rule::FeatureNumeric)
                .then(|| Features::new(header.len())),
            filenames: pass_filenames,
            mask_ids: mask_ids(&header, layout, contract, findings),
            keypoints: findings
                .applies(Rule::KeypointColumn)
                .then(|| keypoints(&header, settings, facts, file, findings)),
            tags: label
                .filter(|_| findings.applies(Rule::BioTag))
                .map(|index| Tags::new(index, name(index), files)),
            groups: grouping
                .and_then(|grouping| Groups::new(grouping, &header, label, &settings.scratch_dir)),
            forecast: timestamp.map(|index| Forecast::new(index, name(index), settings.today)),
            event: event.map(|index| Event {
                index,
                name: name(index),
            }),
            backslashes: None,
            backslash_count: 0,
            header,
            layout,
            contract,
        }
    }

    fn row(
        &mut self,
        record: &Record<'_>,
        number: u64,
        file: &Arc<str>,
        findings: &mut Findings,
    ) -> Result<(), spill::Error> {
        let row = Row {
            record,
            number,
            file,
        };
        self.shape(row, findings);
        if let (Some(tally), Some(index)) = (&mut self.tally, self.label) {
            tally.see(record.cell(index));
        }
        if let Some(inference) = &mut self.inference {
            inference.row(record);
        }
        if let Some(values) = &self.values {
            values.row(record, number, file, findings);
        }
        if let Some(features) = &mut self.features {
            features.row(row);
        }
        let named = match &mut self.filenames {
            Some(names) => names.row(row, findings)?,
            None => None,
        };
        if let Some(mask_ids) = &mut self.mask_ids {
            mask_ids.row(row, findings)?;
        }
        if let Some(keypoints) = &mut self.keypoints {
            keypoints.row(row, findings);
        }
        if let (Some(tags), Some(directory)) = (&mut self.tags, self.layout.primary(self.contract))
        {
            tags.row(row, named, directory, &self.layout.root, findings)?;
        }
        if let Some(forecast) = &mut self.forecast {
            forecast.row(record, number, file, findings);
        }
        if let Some(event) = &self.event {
            event.row(row, findings);
        }
        match &mut self.groups {
            Some(groups) => groups.row(row, findings),
            None => Ok(()),
        }
    }

    /// Rules about a row as such.
    fn shape(&mut self, row: Row<'_>, findings: &mut Findings) {
        let fields = row.record.len();
        if fields > self.header.len() {
            let place = Place {
                row: Some(row.number),
                ..Place::file(Arc::clone(row.file)).line(row.record.line)
            };
            let message = format!(
                "Data row {} has {} for {}.",
                row.number,
                amount(fields as u64, "field"),
                amount(self.header.len() as u64, "column")
            );
            findings.add(Rule::CsvLongRow, place, message);
        }
        if row.record.has_backslash() {
            self.backslash_count += 1;
            self.backslashes
                .get_or_insert((row.number, row.record.line));
        }
    }

    fn finish(
        self,
        settings: &Settings,
        facts: &mut Facts,
        file: &Arc<str>,
        findings: &mut Findings,
    ) -> Result<Option<Vec<bool>>, Stopped> {
        if let Some((row, line)) = self.backslashes {
            let place = Place {
                row: Some(row),
                ..Place::file(Arc::clone(file)).line(line)
            };
            let message = format!(
                "Cells of {} contain a backslash, the first in data row {row}.",
                amount(self.backslash_count, "row")
            );
            findings.add_many(Rule::CsvBackslash, place, self.backslash_count, message);
        }
        facts.schema = match (self.inference, &settings.schema) {
            (Some(inference), _) => {
                let mut schema = inference.finish(&self.header);
                as_timestamp(&mut schema, findings);
                Some(schema)
            }
            (None, declared) => declared
                .clone()
                .filter(|_| self.contract.family == Family::Tabular),
        };
        if let Some(schema) = &facts.schema {
            columns::schema(&self.header, schema, settings.task, file, findings);
            if let Some(features) = &self.features {
                let columns = feature_columns(schema, &self.header, self.label, self.contract);
                features.finish(columns.into_iter(), &self.header, file, findings);
            }
        }
        if let Some(groups) = self.groups {
            let time = self
                .contract
                .grouping
                .map_or("", |grouping| grouping.time_column);
            let numeric = facts
                .schema
                .as_ref()
                .and_then(|schema| schema.loose(time)?.parsed())
                .is_some_and(|parsed| parsed.is_numeric());
            let count = groups.finish(numeric, file, findings)?;
            facts.groups = Some(count.groups);
            let message = format!(
                "The table has {}, which is what the platform counts.",
                amount(count.groups, "sequence")
            );
            findings.add(Rule::GroupCount, Place::file(Arc::clone(file)), message);
        }
        if let Some(mut tally) = self.tally {
            let reading = reading(facts, self.contract);
            let variants = tally.blank_variants();
            facts.distribution = Some(judge_labels(
                tally.finish(reading),
                variants,
                facts,
                self.contract,
                file,
                findings,
            ));
        }
        let filenames = self.filenames.map(|names| names.finish(findings));
        Ok(filenames.transpose()?)
    }
}

/// Names the column with the files. A misspelled one is a finding, and its rows are read all the same.
fn filenames<'a>(
    header: &Header,
    layout: &'a Layout,
    contract: &Contract,
    facts: &Facts,
    findings: &mut Findings,
) -> Option<Filenames<'a>> {
    let file = &layout.manifest.shown;
    let found = columns::exact(header, "filename", Rule::FilenameColumn, file, findings);
    let index = found.or_else(|| header.ignoring_case("filename"))?;
    let directory = layout.primary(contract)?;
    let extension = facts.extension.clone().unwrap_or_default();
    Some(Filenames::new(
        directory,
        &layout.room,
        index,
        Arc::clone(&header.names()[index]),
        extension,
    ))
}

fn mask_ids<'a>(
    header: &Header,
    layout: &'a Layout,
    contract: &Contract,
    findings: &mut Findings,
) -> Option<MaskIds<'a>> {
    let (directory, column) =
        contract
            .directories
            .iter()
            .find_map(|directory| match directory.link {
                Link::MaskOf { column } => Some((directory, column)),
                _ => None,
            })?;
    let file = &layout.manifest.shown;
    let index = columns::exact(header, column, Rule::MaskIdColumn, file, findings)?;
    Some(MaskIds::new(
        index,
        Arc::clone(&header.names()[index]),
        layout.directory(directory.name),
    ))
}

fn keypoints(
    header: &Header,
    settings: &Settings,
    facts: &Facts,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Keypoints {
    let mut column = |name: &str| {
        let index = columns::exact(header, name, Rule::KeypointColumn, file, findings)?;
        Some((index, Arc::clone(&header.names()[index])))
    };
    Keypoints {
        annotation: column("Annotation"),
        visibility: column("Visibility"),
        count: settings.number_of_keypoints,
        size: facts.target_size,
        names: None,
    }
}

/// Only `TIMESTAMP` is accepted at all ages for the time of a forecast, and inference cannot know.
fn as_timestamp(schema: &mut Schema, findings: &Findings) {
    if !findings.applies(Rule::ForecastColumn) {
        return;
    }
    let column = schema
        .columns
        .iter_mut()
        .find(|column| *column.name == *"timestamp");
    if let Some(column) =
        column.filter(|column| matches!(column.sql_type.as_str(), "DATE" | "DATETIME"))
    {
        column.sql_type = "TIMESTAMP".to_owned();
    }
}

/// Lists the columns that must hold numbers and are not declared as such, in which case another rule looks at each cell.
fn feature_columns(
    schema: &Schema,
    header: &Header,
    label: Option<usize>,
    contract: &Contract,
) -> Vec<usize> {
    let fixed: Vec<_> = contract
        .columns
        .iter()
        .filter_map(|column| header.loose(column.name))
        .collect();
    let features = schema.columns.iter().filter_map(|column| {
        let index = header.exact(&column.name)?;
        let is_numeric = column.parsed().is_some_and(|parsed| parsed.is_numeric());
        (!is_numeric && Some(index) != label && !fixed.contains(&index)).then_some(index)
    });
    features.collect()
}

/// Says what labels mean: in tables missing values are none and numbers compare by value, unless the type says otherwise.
fn reading(facts: &Facts, contract: &Contract) -> Reading {
    if contract.family != Family::Tabular {
        return Reading::Verbatim;
    }
    let column = facts
        .schema
        .as_ref()
        .zip(facts.label_column.as_ref())
        .and_then(|(schema, label)| schema.loose(label));
    match column {
        None => Reading::Numeric,
        Some(column)
            if column
                .parsed()
                .is_some_and(|parsed| parsed.keeps_spelling()) =>
        {
            Reading::VerbatimWithoutMissing
        }
        Some(_) => Reading::NumericWithoutMissing,
    }
}

fn judge_labels(
    distribution: Distribution,
    variants: u64,
    facts: &Facts,
    contract: &Contract,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Distribution {
    let name = facts.label_column.clone().unwrap_or_default();
    let place = || Place::file(Arc::clone(file)).column(Arc::clone(&name));
    if contract.classes == Classes::AtLeastTwo && distribution.distinct < 2 {
        let message = format!(
            "Label column `{name}` has {}; at least 2 are needed.",
            amount(distribution.distinct, "different value")
        );
        findings.add(Rule::LabelDiversity, place(), message);
    }
    if variants > 0 {
        let message = format!(
            "In label column `{name}`, {} also written with other blanks around.",
            match variants {
                1 => "1 label is".to_owned(),
                _ => format!("{variants} labels are"),
            }
        );
        findings.add_many(Rule::LabelBlankVariants, place(), variants, message);
    }
    distribution
}

fn no_rows(file: &Arc<str>, has_header: bool, findings: &mut Findings) {
    let message = match has_header {
        true => format!("{file} has a header and no data rows."),
        false => format!("{file} is empty."),
    };
    findings.add(Rule::CsvNoRows, Place::file(Arc::clone(file)), message);
}

fn report(error: &ReadError, source: &File, file: &Arc<str>, findings: &mut Findings) {
    let place = Place::file(Arc::clone(file));
    match error {
        ReadError::Io(error) => {
            let message = format!("{file} cannot be read: {error}.");
            findings.add(Rule::EntryUnreadable, place, message);
        }
        ReadError::OpenQuote { line } => {
            let message = format!(
                "{file} has a quote in the record that begins on line {line} and never closes."
            );
            findings.add(Rule::CsvOpenQuote, place.line(*line), message);
        }
        ReadError::TooLong { line, limit_bytes } => {
            let limit = human_bytes(*limit_bytes);
            let message = format!(
                "{file} has a record that begins on line {line} and takes more than {limit}, the limit for one record."
            );
            findings.add(Rule::RecordSize, place.line(*line), message);
        }
        ReadError::Encoding(offence) => encoding(offence, source, file, place, findings),
    }
}

fn encoding(
    offence: &Offence,
    source: &File,
    file: &Arc<str>,
    place: Place,
    findings: &mut Findings,
) {
    let mut head = [0; 2];
    let is_utf16 = source.read_exact_at(&mut head, 0).is_ok()
        && (matches!(head, [0xFF, 0xFE] | [0xFE, 0xFF])
            || (offence.flaw == Flaw::Nul && offence.offset < 2));
    let line = lines_before(source, offence.offset) + 1;
    let message = format!(
        "{file} has {} at byte {}, on line {line}.",
        flaw(offence.flaw),
        offence.offset
    );
    match is_utf16 {
        true => findings.add_remedied(
            Rule::CsvEncoding,
            place.line(line),
            message,
            "The file looks like UTF-16; save it again as UTF-8 without BOM.",
        ),
        false => findings.add(Rule::CsvEncoding, place.line(line), message),
    }
}

/// Counts line ends by reading again, which only a broken file costs.
fn lines_before(source: &File, offset: u64) -> u64 {
    let mut buffer = vec![0; 64 << 10];
    let (mut at, mut lines) = (0u64, 0);
    while at < offset {
        let wanted = usize::try_from(offset - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        match source.read_at(&mut buffer[..wanted], at) {
            Ok(0) | Err(_) => break,
            Ok(read) => {
                lines += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
                at += read as u64;
            }
        }
    }
    lines
}
