//! What a Job's conditions say.

use k8s_openapi::api::batch::v1::Job;

/// How a Job has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// It is complete.
    Complete,
    /// It has failed for good, retries included.
    Failed {
        /// Such as `BackoffLimitExceeded`.
        reason: String,
        /// The controller's words.
        message: String,
    },
}

/// Says how a Job has ended; `None` while it has not.
///
/// `SuccessCriteriaMet` and `FailureTarget` are written before `Complete` and `Failed`, while pods may still run: they are no end.
#[must_use]
pub fn job_end(job: &Job) -> Option<JobEnd> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let mut met = conditions.iter().filter(|one| one.status == "True");
    met.find_map(|one| match one.type_.as_str() {
        "Complete" => Some(JobEnd::Complete),
        "Failed" => Some(JobEnd::Failed {
            reason: one.reason.clone().unwrap_or_default(),
            message: one.message.clone().unwrap_or_default(),
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(conditions: Value) -> Option<JobEnd> {
        let job = json!({"status": {"active": 1, "conditions": conditions}});
        job_end(&serde_json::from_value(job).unwrap())
    }

    #[test]
    fn only_the_last_conditions_are_an_end() {
        let yes = |kind: &str| json!({"type": kind, "status": "True"});
        assert_eq!(of(json!([])), None);
        assert_eq!(of(json!([yes("SuccessCriteriaMet")])), None);
        assert_eq!(of(json!([yes("FailureTarget")])), None);
        assert_eq!(of(json!([yes("Suspended")])), None);
        assert_eq!(of(json!([{"type": "Complete", "status": "False"}])), None);
        assert_eq!(
            of(json!([yes("SuccessCriteriaMet"), yes("Complete")])),
            Some(JobEnd::Complete)
        );
        let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"});
        assert_eq!(
            of(json!([yes("FailureTarget"), failed])),
            Some(JobEnd::Failed {
                reason: "BackoffLimitExceeded".to_owned(),
                message: "m".to_owned(),
            })
        );
    }
}
