//! The Job's program: validates what was staged, copies files, loads rows, prints the summary.
//!
//! The beginning of a table's name asks for a fault: `fail_` ends before the summary, `partial_` reports two rows that failed,
//! `nobanner_` ends well and says nothing, `zero_` reports zeros, `slow_` takes half a minute.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::banner::{self, Counts};
use super::document::{Document, SIDECARS};
use super::sql::{Record, Table};
use crate::node::Task;

const SHARED: &str = "/data/shared";

/// Extensions that a file name in the table may carry itself.
const EXTENSIONS: [&str; 8] = [
    ".jpg", ".jpeg", ".png", ".bmp", ".webp", ".txt", ".xml", ".json",
];

/// Runs the program; its result is the exit code.
pub(super) async fn run(task: Task) -> i32 {
    let document = match config(&task) {
        Ok(document) => document,
        Err(why) => {
            task.say(&format!("Ingestion failed: {why}"));
            return 2;
        }
    };
    let host = task.env.get("MYSQL_HOST").map_or("", String::as_str);
    if host.is_empty() {
        task.say("Ingestion failed: MYSQL_HOST is not set");
        return 64;
    }
    task.say(&format!("Waiting up to 120s for MySQL at {host}:3306..."));
    task.say("MySQL is ready.");
    if document.text("table").starts_with("slow_") {
        for batch in 1..=30 {
            task.say(&format!("batch {batch} of 30"));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    // Files and SQL block; the sandbox has other things to do.
    let work = tokio::task::spawn_blocking(move || Run { task, document }.all());
    work.await.unwrap_or(1)
}

fn config(task: &Task) -> Result<Document, String> {
    let path = task
        .env
        .get("INGEST_CONFIG")
        .ok_or("INGEST_CONFIG is not set")?;
    let file = task
        .path(path)
        .ok_or_else(|| format!("{path} is not mounted"))?;
    let text = std::fs::read_to_string(file).map_err(|error| format!("{path}: {error}"))?;
    Document::parse(&text)
}

struct Run {
    task: Task,
    document: Document,
}

/// Holds the table against other runs.
struct Lock(PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        // It is ours; should it stay, the next run names it.
        drop(std::fs::remove_file(&self.0));
    }
}

impl Run {
    fn all(&self) -> i32 {
        match self.ingest() {
            Ok(code) => code,
            Err(why) => {
                self.task.say(&format!("Ingestion failed: {why}"));
                1
            }
        }
    }

    fn table(&self) -> &str {
        self.document.text("table")
    }

    fn at(&self, path: &str) -> Result<PathBuf, String> {
        self.task
            .path(path)
            .ok_or_else(|| format!("{path} is on no volume"))
    }

    fn ingest(&self) -> Result<i32, String> {
        let id = crate::store::random_uid();
        let _lock = self.lock(&id)?;
        if self.table().starts_with("fail_") {
            return Err("asked for by the table's name".to_owned());
        }
        let rows = self.rows()?;
        let problems = self.validate(&rows)?;
        if !problems.is_empty() {
            for problem in &problems {
                self.task.say(problem);
            }
            return Err(format!("{} validation error(s)", problems.len()));
        }
        self.task.say("All validations passed successfully");
        let (records, file_failures) = self.transfer(&rows)?;
        let counts = self.load(&id, &rows, &records, file_failures)?;
        if !self.table().starts_with("nobanner_") {
            let counts = if self.table().starts_with("zero_") {
                Counts::default()
            } else {
                counts
            };
            for line in banner::lines(&id, self.table(), &counts) {
                self.task.say(&line);
            }
        }
        let is_clean = counts.failed == 0 && counts.file_failures == 0;
        if is_clean {
            self.remove_source();
        }
        Ok(i32::from(!is_clean))
    }

    fn lock(&self, id: &str) -> Result<Lock, String> {
        let name = format!("{SHARED}/.tracebloc-ingest-{}.lock", self.table());
        let path = self.at(&name)?;
        let held = serde_json::json!({
            "ingestor_id": id, "table_name": self.table(), "pid": std::process::id(), "hostname": "sandbox",
            "started_at": self.task.sandbox.clock().now().to_string(),
        });
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                use std::io::Write as _;
                let lock = Lock(path);
                writeln!(file, "{held}").map_err(|error| error.to_string())?;
                Ok(lock)
            }
            Err(error) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                Err(format!(
                    "table {} is locked ({error}): {}",
                    self.table(),
                    holder.trim()
                ))
            }
        }
    }

    fn rows(&self) -> Result<Rows, String> {
        let path = self.document.text("csv");
        let mut reader =
            csv::Reader::from_path(self.at(path)?).map_err(|error| format!("{path}: {error}"))?;
        let header = reader
            .headers()
            .map_err(|error| format!("{path}: {error}"))?;
        let header = header.iter().map(|name| name.trim().to_owned()).collect();
        let rows = reader
            .records()
            .map(|row| row.map(|row| row.iter().map(str::to_owned).collect()));
        Ok(Rows {
            header,
            rows: rows
                .collect::<Result<_, _>>()
                .map_err(|error| format!("{path}: {error}"))?,
        })
    }

    /// The directories beside the table that the document names, by name.
    fn sidecars(&self) -> Result<Vec<(&'static str, PathBuf)>, String> {
        let given = SIDECARS
            .iter()
            .filter(|name| !self.document.text(name).is_empty());
        let mut parent = None;
        given
            .map(|name| {
                let path = self.document.text(name).trim_end_matches('/');
                // Below the first one's parent the names are fixed, whatever the document says.
                let own = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let parent = *parent.get_or_insert(own);
                Ok((*name, self.at(&format!("{parent}/{name}"))?))
            })
            .collect()
    }

    fn validate(&self, rows: &Rows) -> Result<Vec<String>, String> {
        let mut problems = Vec::new();
        let destination = self.at(&format!("{SHARED}/{}", self.table()))?;
        if std::fs::read_dir(&destination).is_ok_and(|mut entries| entries.next().is_some()) {
            problems.push(format!(
                "Duplicate Validator failed: {SHARED}/{} is not empty",
                self.table()
            ));
        }
        let label = self.document.label();
        if !label.is_empty() && rows.column(label).is_none() {
            problems.push(format!("label column {label:?} is not in the table"));
        }
        for (column, _) in self.document.schema() {
            if rows.column(&column).is_none() && column != label {
                problems.push(format!(
                    "column {column:?} of the schema is not in the table"
                ));
            }
        }
        for (name, directory) in self.sidecars()? {
            let entries =
                std::fs::read_dir(&directory).map_err(|error| format!("{name}: {error}"))?;
            for entry in entries {
                let entry = entry.map_err(|error| format!("{name}: {error}"))?;
                if name == "images" && self.document.is_image() {
                    problems.extend(self.image(&entry.path()));
                }
            }
        }
        Ok(problems)
    }

    /// Width comes first in the wanted size, as in what an image library reports.
    fn image(&self, path: &Path) -> Option<String> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (width, height) = self.document.target_size();
        match imagesize::size(path) {
            Ok(size) if (size.width as u64, size.height as u64) == (width, height) => None,
            Ok(size) => Some(format!(
                "Image Resolution Validator failed: {name} is {}x{}, expected {width}x{height}",
                size.width, size.height
            )),
            Err(error) => Some(format!(
                "Image Resolution Validator failed: {name}: {error}"
            )),
        }
    }

    /// Copies the files of every row, flat. A row whose file is missing is left out.
    fn transfer(&self, rows: &Rows) -> Result<(Vec<Record>, u64), String> {
        let sidecars = self.sidecars()?;
        let destination = self.at(&format!("{SHARED}/{}", self.table()))?;
        let mut failures = 0;
        let mut records = Vec::new();
        if !sidecars.is_empty() {
            std::fs::create_dir_all(&destination).map_err(|error| error.to_string())?;
        }
        let mut copied = BTreeSet::new();
        for row in &rows.rows {
            let mut record = self.record(rows, row);
            if let Some(name) = rows.cell(row, "filename").filter(|_| !sidecars.is_empty()) {
                let (stem, extension) = split(&name, &self.document.extension());
                match copy(&sidecars, &stem, &extension, &destination, &mut copied) {
                    Ok(()) => {
                        record.filename = Some(stem);
                        record.extension = Some(extension);
                    }
                    Err(why) => {
                        self.task
                            .say(&format!("File transfer failed: {name}: {why}"));
                        failures += 1;
                        continue;
                    }
                }
            }
            records.push(record);
        }
        for (_, directory) in &sidecars {
            let tokenizer = directory.with_file_name("tokenizer.json");
            if tokenizer.is_file() {
                let to = destination.join("tokenizer.json");
                std::fs::copy(tokenizer, to).map_err(|error| error.to_string())?;
            }
        }
        Ok((records, failures))
    }

    fn record(&self, rows: &Rows, row: &[String]) -> Record {
        use sha2::Digest as _;
        let label = self.document.label();
        let features = self.features().into_iter();
        let digest = sha2::Sha256::digest(format!("{}\0{}", self.table(), row.join("\0")));
        Record {
            data_id: data_encoding::HEXLOWER.encode(&digest),
            label: rows.cell(row, label),
            features: features
                .map(|(column, _)| rows.cell(row, &column))
                .collect(),
            ..Record::default()
        }
    }

    /// The schema's columns without those that the framework keeps itself.
    fn features(&self) -> Vec<(String, String)> {
        let label = self.document.label();
        let kept = self.document.schema().into_iter();
        kept.filter(|(column, _)| column != label && column != "filename")
            .collect()
    }

    fn load(
        &self,
        id: &str,
        rows: &Rows,
        records: &[Record],
        file_failures: u64,
    ) -> Result<Counts, String> {
        let asked = if self.table().starts_with("partial_") {
            2
        } else {
            0
        };
        let failed = asked.min(records.len());
        let good = records.get(failed..).unwrap_or_default();
        let database = super::database(self.task.sandbox.config());
        let intent = self.document.text("intent");
        let mut table = Table::open(&database, self.table(), &self.features(), intent, id)
            .map_err(|error| error.to_string())?;
        let inserted = table.load(good).map_err(|error| error.to_string())?;
        Ok(Counts {
            total: rows.rows.len() as u64,
            processed: records.len() as u64,
            inserted,
            sent: inserted,
            skipped: 0,
            file_failures,
            failed: failed as u64,
        })
    }

    /// Only the one staging path that both sides know is cleaned up.
    fn remove_source(&self) {
        let staged = format!("{SHARED}/.tracebloc-staging/{}", self.table());
        let csv = self.document.text("csv");
        if csv
            .rsplit_once('/')
            .is_some_and(|(parent, _)| parent == staged)
            && let Ok(path) = self.at(&staged)
        {
            // Best effort: whoever staged it looks after it.
            drop(std::fs::remove_dir_all(path));
        }
    }
}

struct Rows {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// A cell without its blanks; an empty one is NULL.
    fn cell(&self, row: &[String], column: &str) -> Option<String> {
        let cell = row.get(self.column(column)?)?.trim();
        (!cell.is_empty()).then(|| cell.to_owned())
    }
}

/// A file name's stem and extension; one without a known extension gets the configured one.
fn split(name: &str, default: &str) -> (String, String) {
    let known = name.rfind('.').map(|dot| name.split_at(dot));
    match known {
        Some((stem, extension))
            if EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()) =>
        {
            (stem.to_owned(), extension.to_owned())
        }
        _ => (name.to_owned(), default.to_owned()),
    }
}

/// Copies the files of one row: from each directory the one of that stem, all of them or none.
fn copy(
    sidecars: &[(&'static str, PathBuf)],
    stem: &str,
    extension: &str,
    destination: &Path,
    copied: &mut BTreeSet<PathBuf>,
) -> Result<(), String> {
    if stem.is_empty() || stem.contains('/') || stem == ".." {
        return Err("not a file name".to_owned());
    }
    let files: Vec<PathBuf> = sidecars
        .iter()
        .map(|(name, directory)| match *name {
            "annotations" => directory.join(format!("{stem}.xml")),
            "masks" => mask(directory, stem),
            _ => directory.join(format!("{stem}{extension}")),
        })
        .collect();
    if let Some(missing) = files.iter().find(|file| !file.is_file()) {
        return Err(format!(
            "{} is missing",
            missing.file_name().unwrap_or_default().to_string_lossy()
        ));
    }
    for file in files {
        let name = file.file_name().unwrap_or_default().to_owned();
        if copied.insert(file.clone()) {
            std::fs::copy(&file, destination.join(name)).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn mask(directory: &Path, stem: &str) -> PathBuf {
    let suffixed = directory.join(format!("{stem}_mask.png"));
    if suffixed.is_file() {
        suffixed
    } else {
        directory.join(format!("{stem}.png"))
    }
}
