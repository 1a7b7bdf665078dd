//! A model of a live node: commands in, rows and the truth about them out.

use std::collections::{BTreeMap, BTreeSet};

use super::s3::{BucketMeta, CHUNK_BYTES, Manifest, ObjectName, Part, UploadMeta};
use super::{redis, routing_table, s3};
use crate::random::Random;
use crate::stream::{Header, Native, Row, hlc};
use crate::truth;

/// When the model's clock starts: 2026-11-21T10:00:00Z.
const START_MS: u64 = 1_795_255_200_000;

/// A node that runs Redis and S3 commands, keeps every row it ever wrote, and knows what its ports
/// would answer. The same seed and commands give the same bytes.
#[derive(Clone, Debug)]
pub struct Node {
    now: u64,
    random: Random,
    rows: Vec<Row>,
    strings: BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>,
    counters: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
    used_keys: BTreeSet<Vec<u8>>,
    buckets: BTreeMap<String, Bucket>,
    generations: BTreeMap<String, u64>,
}

#[derive(Clone, Debug)]
struct Bucket {
    meta: BucketMeta,
    objects: BTreeMap<Vec<u8>, (Manifest, Vec<u8>)>,
    used_keys: BTreeSet<Vec<u8>>,
}

/// What comes with the body of a `PUT`.
#[derive(Clone, Debug, Default)]
pub struct Put {
    /// The content type; empty for the server's default.
    pub content_type: String,
    /// The header of that name.
    pub content_encoding: String,
    /// The header of that name.
    pub cache_control: String,
    /// The header of that name.
    pub content_disposition: String,
    /// Metadata of the user.
    pub user_metadata: BTreeMap<String, String>,
}

impl Node {
    /// Starts a node, which leaves its routing table and the traces of a readiness probe.
    pub fn new(seed: u64) -> Node {
        let mut node = Node {
            now: hlc(START_MS, 0),
            random: Random::new(seed),
            rows: routing_table(),
            strings: BTreeMap::new(),
            counters: BTreeMap::new(),
            used_keys: BTreeSet::new(),
            buckets: BTreeMap::new(),
            generations: BTreeMap::new(),
        };
        node.set(b"__ready__", b"1", None);
        node.del(b"__ready__");
        node
    }

    /// Gives the next commit timestamp: now and then a new millisecond, otherwise the counter.
    fn tick(&mut self) -> u64 {
        self.now = match self.random.below(3) {
            0 => self.now + 1,
            _ => hlc((self.now >> 16) + 1 + self.random.below(40), 0),
        };
        self.now
    }

    /// Runs `SET`, with an expiry in Unix milliseconds if given.
    pub fn set(&mut self, key: &[u8], value: &[u8], expire_at_ms: Option<u64>) {
        let ts = self.tick();
        self.rows.extend(redis::set(key, value, expire_at_ms, ts));
        self.used_keys.insert(key.to_vec());
        self.counters.remove(key);
        self.strings
            .insert(key.to_vec(), (value.to_vec(), expire_at_ms));
    }

    /// Runs `PEXPIREAT` on a string that exists; does nothing otherwise.
    pub fn expire(&mut self, key: &[u8], expire_at_ms: u64) {
        let ts = self.tick();
        if let Some((value, expiry)) = self.strings.get_mut(key) {
            self.rows
                .extend(redis::expire(key, value, expire_at_ms, ts));
            *expiry = Some(expire_at_ms);
        }
    }

    /// Runs `DEL` on a string that exists; does nothing otherwise.
    pub fn del(&mut self, key: &[u8]) {
        let ts = self.tick();
        if let Some((_, expiry)) = self.strings.remove(key) {
            self.rows.extend(redis::del(key, expiry.is_some(), ts));
        }
    }

    /// Runs `PFADD` on a key that is a counter or free.
    ///
    /// # Panics
    /// When the key is a string.
    pub fn pfadd(&mut self, key: &[u8], members: &[&str]) {
        assert!(!self.strings.contains_key(key), "the key is a string");
        let ts = self.tick();
        let all = self.counters.entry(key.to_vec()).or_default();
        all.extend(members.iter().map(|member| member.as_bytes().to_vec()));
        let all: Vec<_> = all.iter().map(Vec::as_slice).collect();
        self.rows.extend(redis::pfadd(key, &all, ts));
        self.used_keys.insert(key.to_vec());
    }

    /// Makes a bucket, in a new incarnation if it existed before.
    pub fn create_bucket(&mut self, name: &str) {
        let ts = self.tick();
        let generation = self.generations.entry(name.into()).or_default();
        *generation += 1;
        let generation = *generation;
        self.rows.push(Row::live(
            s3::bucket_gen_key(name.as_bytes()),
            ts,
            generation.to_be_bytes(),
        ));
        let meta = BucketMeta {
            bucket_name: name.into(),
            generation,
            created_at_hlc: ts,
            owner: String::new(),
            region: "us-east-1".into(),
            acl: "private".into(),
        };
        let bucket = Bucket {
            meta,
            objects: BTreeMap::new(),
            used_keys: BTreeSet::new(),
        };
        self.buckets.insert(name.into(), bucket);
        self.fence(name, ts);
    }

    /// Changes the access list of a bucket that exists.
    pub fn set_acl(&mut self, name: &str, acl: &str) {
        let ts = self.tick();
        let bucket = self.buckets.get_mut(name).expect("the bucket exists");
        bucket.meta.acl = acl.into();
        self.fence(name, ts);
    }

    /// Deletes a bucket; objects that are still in it go first, as the server demands.
    pub fn delete_bucket(&mut self, name: &str) {
        let keys: Vec<_> = self.buckets[name].objects.keys().cloned().collect();
        for key in keys {
            self.delete(name, &key);
        }
        let ts = self.tick();
        self.rows
            .push(Row::tombstone(s3::bucket_meta_key(name.as_bytes()), ts));
        self.buckets.remove(name);
    }

    /// Writes an object in one request.
    pub fn put(&mut self, bucket: &str, key: &[u8], body: &[u8], put: Put) {
        let upload = self.random.hex_id();
        let parts = match body {
            [] => Vec::new(),
            _ => vec![Part::of(1, body)],
        };
        self.put_chunks(bucket, key, &upload, 1, 0, body);
        let etag = s3::md5_hex(body);
        let manifest = self.manifest(upload, etag, body, put, parts);
        self.commit(bucket, key, manifest, body.to_vec());
    }

    /// Writes an object in parts. Of several attempts at a part number the last one counts.
    pub fn multipart(&mut self, bucket: &str, key: &[u8], parts: &[(u64, &[u8])], put: Put) {
        let upload = self.begin_upload(bucket, key);
        let mut chosen = BTreeMap::new();
        for &(part_no, body) in parts {
            let part = self.upload_part(bucket, key, &upload, part_no, body);
            chosen.insert(part_no, (part, body));
        }
        let (parts, bodies): (Vec<_>, Vec<_>) = chosen.into_values().unzip();
        let body = bodies.concat();
        let etags: Vec<_> = parts.iter().map(|part| part.etag.clone()).collect();
        let put = Put {
            content_type: put.content_type,
            user_metadata: put.user_metadata,
            ..Put::default()
        };
        let etag = s3::composite_etag(&etags);
        let manifest = self.manifest(upload.clone(), etag, &body, put, parts);
        let ts = self.commit(bucket, key, manifest, body);
        let generation = self.buckets[bucket].meta.generation;
        let name = ObjectName {
            bucket: bucket.as_bytes(),
            generation,
            key,
        };
        self.rows
            .push(Row::tombstone(name.upload_meta_key(&upload), ts));
        self.rows
            .push(Row::tombstone(name.upload_gc_key(&upload), ts));
    }

    /// Begins an upload and leaves it open with its parts.
    pub fn open_upload(&mut self, bucket: &str, key: &[u8], parts: &[(u64, &[u8])]) {
        let upload = self.begin_upload(bucket, key);
        for &(part_no, body) in parts {
            self.upload_part(bucket, key, &upload, part_no, body);
        }
    }

    /// Deletes an object that exists; does nothing otherwise. Its chunks go a little later.
    pub fn delete(&mut self, bucket: &str, key: &[u8]) {
        let ts = self.tick();
        let state = self.buckets.get_mut(bucket).expect("the bucket exists");
        let generation = state.meta.generation;
        let Some((manifest, _)) = state.objects.remove(key) else {
            return;
        };
        let name = ObjectName {
            bucket: bucket.as_bytes(),
            generation,
            key,
        };
        self.rows.push(Row::tombstone(name.head_key(), ts));
        self.collect(name, &manifest);
    }

    fn begin_upload(&mut self, bucket: &str, key: &[u8]) -> String {
        let ts = self.tick();
        let upload = self.random.hex_id();
        let generation = self.buckets[bucket].meta.generation;
        let name = ObjectName {
            bucket: bucket.as_bytes(),
            generation,
            key,
        };
        let meta = s3::json(&UploadMeta {
            bucket: bucket.into(),
            object: String::from_utf8_lossy(key).into(),
            generation,
            upload_id: upload.clone(),
            created_hlc: ts,
            content_type: "application/octet-stream".into(),
        });
        self.rows
            .push(Row::live(name.upload_meta_key(&upload), ts, meta.clone()));
        self.rows
            .push(Row::live(name.upload_gc_key(&upload), ts, meta));
        self.fence(bucket, ts);
        let state = self.buckets.get_mut(bucket).expect("the bucket exists");
        state.used_keys.insert(key.to_vec());
        upload
    }

    fn upload_part(
        &mut self,
        bucket: &str,
        key: &[u8],
        upload: &str,
        part_no: u64,
        body: &[u8],
    ) -> Part {
        let chunk_ref_version = self.now;
        let version = self.put_chunks(bucket, key, upload, part_no, self.now + 1, body);
        let part = Part {
            part_version: version,
            chunk_ref_version,
            ..Part::of(part_no, body)
        };
        let generation = self.buckets[bucket].meta.generation;
        let name = ObjectName {
            bucket: bucket.as_bytes(),
            generation,
            key,
        };
        let row_key = name.upload_part_key(upload, part_no);
        self.rows.push(Row::live(row_key, version, s3::json(&part)));
        part
    }

    /// Writes the chunks of a body in batches of three, and gives the version in their keys.
    fn put_chunks(
        &mut self,
        bucket: &str,
        key: &[u8],
        upload: &str,
        part_no: u64,
        version: u64,
        body: &[u8],
    ) -> u64 {
        let generation = self.buckets[bucket].meta.generation;
        let name = ObjectName {
            bucket: bucket.as_bytes(),
            generation,
            key,
        };
        let mut ts = self.tick();
        for (chunk_no, chunk) in (0u64..).zip(body.chunks(CHUNK_BYTES)) {
            if chunk_no > 0 && chunk_no.is_multiple_of(3) {
                ts = self.tick();
            }
            let row_key = name.blob_key(upload, part_no, chunk_no, version);
            self.rows.push(Row::live(row_key, ts, chunk));
        }
        version
    }

    fn manifest(
        &mut self,
        upload_id: String,
        etag: String,
        body: &[u8],
        put: Put,
        parts: Vec<Part>,
    ) -> Manifest {
        let content_type = match put.content_type.is_empty() {
            true => "application/octet-stream".into(),
            false => put.content_type,
        };
        Manifest {
            upload_id,
            etag,
            size_bytes: body.len() as u64,
            last_modified_hlc: self.tick(),
            content_type,
            content_encoding: put.content_encoding,
            cache_control: put.cache_control,
            content_disposition: put.content_disposition,
            user_metadata: put.user_metadata,
            parts,
        }
    }

    /// Writes a manifest and the bucket's fence, then has the chunks of an older version collected.
    fn commit(&mut self, bucket: &str, key: &[u8], manifest: Manifest, body: Vec<u8>) -> u64 {
        let ts = manifest.last_modified_hlc;
        let state = self.buckets.get_mut(bucket).expect("the bucket exists");
        let generation = state.meta.generation;
        let name = ObjectName {
            bucket: bucket.as_bytes(),
            generation,
            key,
        };
        self.rows
            .push(Row::live(name.head_key(), ts, s3::json(&manifest)));
        state.used_keys.insert(key.to_vec());
        let older = state.objects.insert(key.to_vec(), (manifest, body));
        self.fence(bucket, ts);
        if let Some((older, _)) = older {
            self.collect(name, &older);
        }
        ts
    }

    /// Best effort, as on a server: one time in four the chunks stay.
    fn collect(&mut self, name: ObjectName<'_>, manifest: &Manifest) {
        if self.random.below(4) == 0 {
            return;
        }
        let ts = self.tick();
        for part in &manifest.parts {
            for chunk_no in 0..part.chunk_count {
                let row_key = name.blob_key(
                    &manifest.upload_id,
                    part.part_no,
                    chunk_no,
                    part.part_version,
                );
                self.rows.push(Row::tombstone(row_key, ts));
            }
        }
    }

    /// Puts the bucket's record again, which is how the server orders writes against its deletion.
    fn fence(&mut self, bucket: &str, ts: u64) {
        let meta = s3::json(&self.buckets[bucket].meta);
        self.rows
            .push(Row::live(s3::bucket_meta_key(bucket.as_bytes()), ts, meta));
    }

    /// Gives the rows in the order in which they were written.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Gives the Raft index that a snapshot taken now has.
    pub fn index(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Gives the name that the node gives its snapshot.
    pub fn file_name(&self) -> String {
        format!("{:016x}.fsm", self.index())
    }

    /// Gives the store stream, sorted, with the rows of the store's own.
    pub fn stream(&self) -> Native {
        Native::new(self.now)
            .rows(self.rows.iter().cloned())
            .meta_rows(self.index().saturating_sub(1))
            .sorted()
    }

    /// Gives the snapshot as the node would store it.
    pub fn runtime_file(&self) -> Vec<u8> {
        let ceiling_ms = (self.now >> 16) + 10_000;
        Header::V1 { ceiling_ms }.runtime_file(&self.stream().build())
    }

    /// Gives what the node's ports would answer.
    pub fn truth(&self) -> truth::Truth {
        truth::Truth::of_node(self.redis_truth(), self.s3_truth())
    }

    fn redis_truth(&self) -> truth::Redis {
        let strings = self
            .strings
            .iter()
            .map(|(key, (value, expiry))| truth::RedisKey::string(key, value, *expiry));
        let counters = self
            .counters
            .iter()
            .map(|(key, members)| truth::RedisKey::hll(key, members.iter().map(Vec::as_slice)));
        let gone = self
            .used_keys
            .iter()
            .filter(|key| !self.strings.contains_key(*key) && !self.counters.contains_key(*key));
        truth::Redis {
            keys: strings.chain(counters).collect(),
            absent: gone.map(|key| truth::AbsentKey::deleted(key)).collect(),
        }
    }

    fn s3_truth(&self) -> truth::S3 {
        let buckets = self.buckets.iter().map(|(name, bucket)| {
            let objects: Vec<_> = bucket
                .objects
                .iter()
                .map(|(key, (manifest, body))| truth::Object::of_manifest(key, manifest, body))
                .collect();
            let absent = bucket
                .used_keys
                .iter()
                .filter(|key| !bucket.objects.contains_key(*key));
            truth::Bucket::new(name, &bucket.meta.acl, objects, absent)
        });
        let gone = self
            .generations
            .keys()
            .filter(|name| !self.buckets.contains_key(*name));
        truth::S3 {
            buckets: buckets.collect(),
            absent_buckets: gone.cloned().collect(),
        }
    }
}
