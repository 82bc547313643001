//! Every line of work names the deal that it is about, its tenant and its trace, from when on it can
//! (P6).

use countersign_platform::testing::{Log, TestBed};
use countersign_platform::{
    EventHandler, Failure, Handled, IncomingEvent, NoSection, Rejection, TaskHandler, TaskOutcome,
    TaskRun, UnitOfWork, Wiring, async_trait, back_off,
};
use serde_json::Value;
use tracing::Instrument;

use crate::support::{NOTED, acme, call, event, publish, reminder, sample};

async fn bed() -> TestBed {
    TestBed::new(&sample(), NoSection {}).await
}

fn deal(name: &str) -> countersign_kernel::EngagementId {
    name.parse().unwrap()
}

/// The one line that says so.
fn line(log: &Log, message: &str) -> Value {
    let lines = log.lines();
    let mut said = lines.iter().filter(|line| line["message"] == message);
    let found = said.next().cloned();
    assert!(said.next().is_none(), "{message:?} twice in {lines:#?}");
    found.unwrap_or_else(|| panic!("nobody says {message:?} in {lines:#?}"))
}

/// How a command ends.
type End = fn() -> Result<i64, Failure>;

#[track_caller]
fn names_its_work(line: &Value, engagement: Option<&str>) {
    assert_eq!(line["seller"], "acme", "{line}");
    assert_eq!(line["engagement"].as_str(), engagement, "{line}");
    for (name, digits) in [("trace_id", 32), ("span_id", 16)] {
        let id = line[name].as_str().unwrap_or_default();
        assert_eq!(id.len(), digits, "{name} of {line}");
    }
}

/// A command that is refused, or fails, has written nothing: its lines name the deal all the same.
#[tokio::test]
async fn a_command_s_lines_name_the_deal_before_anything_is_written() {
    let bed = bed().await;
    let commands = bed.parts().commands;
    let ends: [(&str, End, &str); 4] = [
        (
            "refused",
            || Err(Rejection::failed_precondition("NOT_NOW", "not now").into()),
            "refused",
        ),
        (
            "away",
            || Err(Failure::unavailable("looking", "it is away")),
            "something is away",
        ),
        (
            "failed",
            || Err(Failure::internal("thinking", "a bug")),
            "a call failed",
        ),
        ("panicked", || panic!("a bug"), "a call failed"),
    ];
    for (key, end, message) in ends {
        let log = Log::start();
        let (call, request) = (call(&bed, key), key.to_owned());
        let done = commands.execute(&call, "sample/Note", &request, move |uow| {
            Box::pin(async move {
                uow.concerns(&deal("006D"));
                tracing::info!("working");
                end()
            })
        });
        done.await.unwrap_err();
        for message in ["working", message] {
            names_its_work(&line(&log, message), Some("006D"));
        }
    }
    let log = Log::start();
    let call = call(&bed, "policy");
    let of_no_deal = commands.execute(&call, "sample/Policy", &1_i64, |_| {
        Box::pin(async { Err::<i64, _>(Rejection::failed_precondition("NO", "no").into()) })
    });
    of_no_deal.await.unwrap_err();
    names_its_work(&line(&log, "refused"), None);
}

/// Says one line, before it has looked at anything.
struct Says;

#[async_trait]
impl EventHandler for Says {
    fn types(&self) -> &'static [&'static str] {
        &[NOTED]
    }

    async fn handle(&self, uow: &mut UnitOfWork, _: &IncomingEvent) -> Result<Handled, Failure> {
        tracing::info!("heard");
        uow.schedule(reminder(uow, "later")).await?;
        Ok(Handled::Applied)
    }
}

#[async_trait]
impl TaskHandler for Says {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        tracing::info!("at work");
        let problem = "not yet".to_owned();
        Ok(TaskOutcome::RetryAt(run.now() + back_off(9), problem))
    }
}

/// What an event leaves to do is about the same deal, and says so from its first line on.
#[tokio::test]
async fn an_event_s_lines_and_those_of_its_task_name_the_deal() {
    let bed = bed().await;
    let wiring = Wiring::new().task("sample.remind", Says);
    let log = Log::start();
    let heard = bed.incoming("other", 1, event(NOTED, "t", "b"));
    bed.deliver(&Says, &heard).await.unwrap();
    assert_eq!(bed.run_due_tasks(&wiring).await.unwrap(), 1);
    for message in ["heard", "at work", "retrying"] {
        let line = line(&log, message);
        names_its_work(&line, Some("006D"));
        assert_eq!(line["trace_id"], heard.trace.trace_id(), "{line}");
    }
    // Whoever schedules it anew without knowing takes nothing away.
    bed.transaction(|uow| Box::pin(async move { uow.schedule(reminder(uow, "later")).await }))
        .await
        .unwrap();
    let log = Log::start();
    assert_eq!(bed.run_due_tasks(&wiring).await.unwrap(), 1);
    names_its_work(&line(&log, "at work"), Some("006D"));
}

/// Looks at two things, as a timer does that nobody asked.
struct Looks;

#[async_trait]
impl TaskHandler for Looks {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        for (topic, engagement) in [("one", "006A"), ("other", "006B")] {
            run.transaction(|uow| {
                Box::pin(async move {
                    let step = uow.resume_trace(&acme(), topic).await?;
                    async {
                        uow.concerns(&deal(engagement));
                        tracing::info!("found {topic}");
                    }
                    .instrument(step)
                    .await;
                    Ok(())
                })
            })
            .await?;
        }
        tracing::info!("looked");
        Ok(TaskOutcome::Done)
    }
}

/// A timer's lines name each deal while they are of it, in that deal's trace, and none afterwards.
#[tokio::test]
async fn a_timer_s_lines_name_each_deal_that_it_finds() {
    let bed = bed().await;
    publish(&bed, "one", "b").await;
    let traces: Vec<String> = sqlx::query_scalar("SELECT traceparent FROM outbox")
        .fetch_all(bed.pool())
        .await
        .unwrap();
    bed.transaction(|uow| Box::pin(async move { uow.schedule(reminder(uow, "look")).await }))
        .await
        .unwrap();
    let log = Log::start();
    let wiring = Wiring::new().task_of(&acme(), "sample.remind", Looks);
    assert_eq!(bed.run_due_tasks(&wiring).await.unwrap(), 1);
    let [one, other, looked] =
        ["found one", "found other", "looked"].map(|message| line(&log, message));
    names_its_work(&one, Some("006A"));
    names_its_work(&other, Some("006B"));
    names_its_work(&looked, None);
    assert_eq!(traces[0][3..35], *one["trace_id"].as_str().unwrap());
    assert_ne!(one["trace_id"], looked["trace_id"]);
    assert_eq!(other["trace_id"], looked["trace_id"], "it has no trace yet");
}
