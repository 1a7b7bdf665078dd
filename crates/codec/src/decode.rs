use dump::manifest::{self, Manifest, Origin, Scopes, Source as ManifestSource, SourceFile};
use dump::tree::{TreeWorker, TreeWriter};
use fsroot::Published;
use snapshot::Checked;

use crate::error::{Error, escaped};
use crate::event::{Event, Observer, Phase};
use crate::family::{Adapter, Family};
use crate::input::Input;
use crate::left_out::{LeftOut, LeftOutCount};
use crate::options::{Names, OnBad, Options, RawRows, UnknownRows};
use crate::report::{InputReport, LeftOutPart, Report};
use crate::sources::{Source, Sources};
use crate::survey::{self, Survey};
use crate::walk::Meter;
use crate::{raw, redis};

/// Name of the report of what was left out, in the root of the tree.
pub const REPORT_FILE: &str = "REPORT.jsonl";

/// Memory for the lines of that report.
const REPORT_BUDGET_BYTES: usize = 2 << 20;

/// Decodes one snapshot, or one of each Raft group of a cluster, into `tree` and publishes it.
///
/// Nothing is staged before every input has been read once and found whole as far as rows go; nothing is published before the
/// footers are verified. On an error the tree is discarded and the destination stays what it was.
///
/// # Errors
///
/// [`Error`]: damage, data that cannot be decoded yet (unless [`OnBad::LeaveOut`]), and everything the disk refuses.
pub fn decode(
    inputs: &[Input],
    mut tree: TreeWriter,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Report, Published), Error> {
    match decode_into(inputs, &mut tree, options, observer) {
        Ok((report, manifest)) => {
            let published = tree.finish(manifest)?;
            Ok((report, published))
        }
        Err(error) => {
            // The error that stopped the run is the one to tell; a staging that stays is found by the next run.
            drop(tree.discard());
            Err(error)
        }
    }
}

fn decode_into(
    inputs: &[Input],
    tree: &mut TreeWriter,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Report, Manifest), Error> {
    let sources = open(inputs, options, observer)?;
    let left_out = LeftOut::new(options.on_bad, scratch_sorter(options, REPORT_BUDGET_BYTES));
    let survey = read_all(&sources, options, &left_out, observer)?;
    let mut report = settle(&survey, &sources, options, observer)?;
    let Survey {
        redis,
        s3,
        locks,
        twins,
        inputs: read,
        cross_group,
        ..
    } = survey;
    if let Some(twins) = twins {
        twins.finish(|number| sources.name(number).to_owned())?;
    }
    report.locks = locks.finish()?;
    if report.locks.0 > 0 {
        observer.event(Event::UnresolvedLocks {
            locks: report.locks.0,
            committed: report.locks.1,
        });
    }

    let case = tree.staged().case_behaviour().map_err(dump::Error::from)?;
    let apart = options.names == Names::Portable || case.case_insensitive;
    let mut worker = tree.worker();
    let mut plan = redis::plan(redis.finish()?, options, apart, &mut worker, observer)?;
    tree.absorb(worker)?;
    let strings: Vec<_> = read.iter().map(|input| input.strings).collect();
    redis::write(&mut plan, &sources, &strings, options, tree, observer)?;
    report.redis = plan.report;
    if cross_group && report.redis.orphan_expiries > 0 {
        report.left_out.push(LeftOutPart {
            what: Family::RedisTtl.name().to_owned(),
            reason: "owner-in-another-group",
            count: report.redis.orphan_expiries,
        });
    }

    let target = crate::s3::Target {
        case,
        portable: options.names == Names::Portable,
    };
    let s3 = s3.plan(&sources, target, observer)?;
    report.s3 = s3.write(&sources, tree, &left_out, observer)?;
    report.left_out.extend(report.s3.left_out());
    tell_empty_scopes(&report, options, observer);

    if options.raw == RawRows::Write {
        let unknown: Vec<_> = read.iter().map(|input| input.unknown).collect();
        raw::write(&sources, &unknown, options, tree, observer)?;
    }
    verify(&sources, &mut report, observer)?;
    // Damage could have made a file empty, so this is said of one that is sound only.
    for (_, (_, source)) in read
        .iter()
        .zip(sources.iter())
        .filter(|(read, _)| read.rows == 0)
    {
        observer.event(Event::EmptySnapshot {
            input: source.input.name.clone(),
        });
    }
    finish_report(left_out, &mut report, tree)?;
    let totals = tree.totals();
    (report.files, report.bytes) = (totals.files, totals.bytes);
    let manifest = manifest(&report, options);
    Ok((report, manifest))
}

/// Tells which buckets and databases that were named are not there: most likely they are misspelt.
fn tell_empty_scopes(report: &Report, options: &Options, observer: &dyn Observer) {
    let missing = |adapter: Adapter, is_there: &dyn Fn(&[u8]) -> bool| {
        let names = options.scope.of(adapter).into_iter().flatten();
        for name in names.filter(|name| !is_there(name)) {
            observer.event(Event::ScopeNotFound {
                adapter: adapter.name(),
                name: escaped(name),
            });
        }
    };
    missing(Adapter::Redis, &|name| name == b"0");
    missing(Adapter::S3, &|name| {
        let directory = dump::name::encode_directory(name).text;
        // Where objects wait for a record in another snapshot, that was told already.
        report.s3.elsewhere_objects > 0 || report.s3.buckets.contains(&directory)
    });
}

/// Recognises every input.
pub(crate) fn open<'i>(
    inputs: &'i [Input],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Sources<'i>, Error> {
    let mut sources = Vec::new();
    for input in inputs {
        sources.push((input, survey::recognise(input, options.footer, observer)?));
    }
    Ok(Sources::new(sources))
}

pub(crate) fn scratch_sorter(options: &Options, budget_bytes: usize) -> spill::Sorter {
    spill::Sorter::new(Some(options.scratch.clone()), budget_bytes)
}

/// Surveys every input.
pub(crate) fn read_all(
    sources: &Sources<'_>,
    options: &Options,
    left_out: &LeftOut,
    observer: &dyn Observer,
) -> Result<Survey, Error> {
    let mut survey = Survey::new(options, sources.iter().count())?;
    let total = sources
        .iter()
        .filter_map(|(_, source)| source.input.data.size_bytes().ok())
        .sum();
    let meter = Meter::new(observer, Phase::Survey, total);
    for (number, source) in sources.iter() {
        survey.read(number, source, options, left_out, observer, &meter)?;
    }
    survey::report(&survey, sources, observer);
    Ok(survey)
}

/// Decides whether the run goes on with what the survey has found.
fn settle(
    survey: &Survey,
    sources: &Sources<'_>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    if let Some((rows, place)) = survey.encrypted.clone() {
        return Err(Error::Encrypted { rows, place });
    }
    let mut report = Report {
        counts: survey.counts.clone(),
        unknown: survey.unknown.clone(),
        inputs: sources
            .iter()
            .zip(&survey.inputs)
            .map(|((_, source), read)| InputReport {
                name: source.input.name.clone(),
                index: options.index.or(source.input.index).or(read.applied_index),
                last_commit_ts: source.layers.last_commit_ts,
                crc32c: None,
                rows: read.rows,
            })
            .collect(),
        ..Report::default()
    };
    let families: Vec<(Family, u64)> = survey
        .counts
        .families
        .iter()
        .filter(|(family, _)| !family.is_decoded())
        .map(|(family, count)| (*family, count.rows))
        .collect();
    if !families.is_empty() && options.on_bad == OnBad::Stop {
        return Err(Error::NotDecoded { families });
    }
    for (family, rows) in families {
        observer.event(Event::NotDecoded { family, rows });
        report.left_out.push(LeftOutPart::not_decoded(family, rows));
    }
    settle_unknown(survey, options, &mut report)?;
    Ok(report)
}

fn settle_unknown(survey: &Survey, options: &Options, report: &mut Report) -> Result<(), Error> {
    let Some(place) = survey.first_unknown.clone() else {
        return Ok(());
    };
    if options.unknown == UnknownRows::Refuse {
        return Err(Error::UnknownRows {
            rows: survey.counts.unknown,
            place,
        });
    }
    if options.unknown == UnknownRows::Report && options.raw == RawRows::Drop {
        for (prefix, (rows, _)) in &survey.unknown {
            let what = match prefix.as_str() {
                "" => "keys without a prefix".to_owned(),
                prefix => format!("prefix {prefix}"),
            };
            report.left_out.push(LeftOutPart {
                what,
                reason: "unknown-prefix",
                count: *rows,
            });
        }
    }
    Ok(())
}

/// Reads what is still unread, and compares footers, tokens and the files' own stamps.
fn verify(
    sources: &Sources<'_>,
    report: &mut Report,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let unread = sources
        .iter()
        .filter_map(|(_, source)| Some(source.ledger()?.0.unread_bytes()))
        .sum();
    let meter = Meter::new(observer, Phase::Verify, unread);
    for ((_, source), input) in sources.iter().zip(&mut report.inputs) {
        input.crc32c = verify_footer(source, &meter)?;
        if !source.input.is_unchanged().map_err(|error| Error::Io {
            input: source.input.name.clone(),
            error,
        })? {
            return Err(source.changed());
        }
    }
    Ok(())
}

/// Reads what is still unread of an input and compares footer and token. Returns the checksum, if there is one.
pub(crate) fn verify_footer(source: &Source<'_>, meter: &Meter<'_>) -> Result<Option<u32>, Error> {
    let Some((ledger, Checked::Footer(footer))) = source.ledger() else {
        return Ok(None);
    };
    // Errors of the ledger and of the meter meet here, so both are carried in one type.
    let verified = ledger.verify(&*source.input.data, *footer, |bytes| {
        meter.add(bytes).map_err(Verify::Stop)
    });
    verified.map_err(|error| match error {
        Verify::Damage(error) => source.snapshot_error(error),
        Verify::Stop(error) => error,
    })?;
    match source.input.token {
        Some(token) if token.crc32c != footer.crc32c => Err(Error::TokenMismatch {
            input: source.input.name.clone(),
            token: token.crc32c,
            footer: footer.crc32c,
        }),
        _ => Ok(Some(footer.crc32c)),
    }
}

enum Verify {
    Damage(snapshot::Error),
    Stop(Error),
}

impl From<snapshot::Error> for Verify {
    fn from(error: snapshot::Error) -> Self {
        Verify::Damage(error)
    }
}

/// Writes the report of what was left out, if anything was.
fn finish_report(
    left_out: LeftOut,
    report: &mut Report,
    tree: &mut TreeWriter,
) -> Result<(), Error> {
    let (LeftOutCount { by_adapter }, mut lines) = left_out.finish()?;
    for (adapter, count) in by_adapter {
        report.left_out.push(LeftOutPart {
            what: adapter.to_owned(),
            reason: "damaged",
            count,
        });
    }
    if lines.is_empty() {
        return Ok(());
    }
    let mut worker: TreeWorker = tree.worker();
    let mut file = worker.create(&redis::path(REPORT_FILE)?)?;
    while let Some((_, line)) = lines.next()? {
        file.append(line)?;
    }
    worker.finish(file)?;
    Ok(tree.absorb(worker)?)
}

fn manifest(report: &Report, options: &Options) -> Manifest {
    let files: Vec<SourceFile> = report
        .inputs
        .iter()
        .map(|input| SourceFile {
            name: input.name.clone(),
            crc32c: input.crc32c,
            snapshot_index: input.index.unwrap_or(0),
            last_commit_ts: input.last_commit_ts,
        })
        .collect();
    let mut manifest = Manifest::of_snapshot(ManifestSource::default(), options.wall_time);
    manifest.snapshot_index = files
        .iter()
        .map(|file| file.snapshot_index)
        .max()
        .unwrap_or(0);
    manifest.last_commit_ts = files
        .iter()
        .map(|file| file.last_commit_ts)
        .max()
        .unwrap_or(0);
    manifest.origin = Origin::Snapshot(ManifestSource { files });
    manifest.elastickv_version = format!("{} {}", options.producer.0, options.producer.1);
    manifest.cluster_id = options.cluster_id.clone().unwrap_or_default();
    manifest.producer = Some(manifest::Producer {
        name: options.producer.0.clone(),
        version: options.producer.1.clone(),
    });
    let on = |adapter| options.selects(adapter);
    manifest.adapters.redis = on(Adapter::Redis).then(|| {
        let databases = if report.redis.strings + report.redis.hyperloglogs > 0 {
            vec![0]
        } else {
            Vec::new()
        };
        Scopes::Listed(databases)
    });
    manifest.adapters.s3 = on(Adapter::S3).then(|| Scopes::Listed(report.s3.buckets.clone()));
    manifest.adapters.dynamodb = decoded(report, options, Adapter::DynamoDb);
    manifest.adapters.sqs = decoded(report, options, Adapter::Sqs);
    manifest.exclusions.include_incomplete_uploads = options.s3.include_incomplete_uploads;
    manifest.exclusions.include_orphans = options.s3.include_orphans;
    manifest.exclusions.rename_s3_collisions = options.s3.rename_collisions;
    manifest.partial = (!report.left_out.is_empty()).then(|| manifest::Partial {
        left_out: report
            .left_out
            .iter()
            .map(|part| manifest::LeftOut {
                family: part.what.clone(),
                reason: part.reason.to_owned(),
                count: part.count,
            })
            .collect(),
        report: report
            .left_out
            .iter()
            .any(|part| part.reason == "damaged")
            .then(|| REPORT_FILE.to_owned()),
    });
    manifest
}

/// An adapter that is not decoded yet is on only if there was nothing of it to decode.
fn decoded(report: &Report, options: &Options, adapter: Adapter) -> Option<Scopes<String>> {
    let absent = report
        .counts
        .families
        .keys()
        .any(|family| family.adapter() == adapter);
    (options.selects(adapter) && !absent).then(|| Scopes::Listed(Vec::new()))
}
