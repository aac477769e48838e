//! What reader and writer share of librdkafka: settings (which are ours and which the user's), and what the client
//! last said about the connection.

use std::collections::BTreeMap;
use std::sync::Mutex;

use millrace_base::{Code, Error, Result};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Whether the broker is being talked to. A message is for people, and names the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Connecting { message: String },
    Running,
}

impl Status {
    pub fn message(&self) -> Option<&str> {
        match self {
            Status::Connecting { message } => Some(message),
            Status::Running => None,
        }
    }
}

/// Exactly-once and the journal's offsets depend on these.
const RESERVED: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "isolation.level",
    "enable.partition.eof",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "transactional.id",
    "allow.auto.create.topics",
    // Would load a library into the process.
    "plugin.library.paths",
];

/// Our settings, then the user's.
pub fn client_config(
    brokers: &str,
    ours: &[(&str, &str)],
    properties: &BTreeMap<String, String>,
) -> Result<ClientConfig> {
    if brokers.trim().is_empty() {
        return Err(Error::new(Code::InvalidParameterValue, "no kafka broker is given")
            .with_hint("Set properties.bootstrap.server to host:port."));
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config.set("client.id", "millrace");
    config.set("socket.nagle.disable", "true");
    config.set("socket.keepalive.enable", "true");
    config.set("reconnect.backoff.ms", "100");
    config.set("reconnect.backoff.max.ms", "2000");
    // What matters comes as an event. Librdkafka's log would go to the standard error of the host process, in part past
    // the callback.
    config.set("log_level", "0");
    config.set_log_level(RDKafkaLogLevel::Emerg);
    for (name, value) in ours {
        config.set(*name, *value);
    }
    for (name, value) in properties {
        if RESERVED.contains(&name.as_str()) {
            return Err(Error::new(
                Code::InvalidParameterValue,
                format!("kafka property \"{name}\" is set by the engine"),
            )
            .with_hint(format!("Leave out properties.{name}.")));
        }
        config.set(name, value);
    }
    Ok(config)
}

/// A client that cannot be made, in the user's words: nearly always a property.
pub fn creation_error(error: KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, description, name, value) => {
            let error = if description.starts_with("No such configuration property") {
                Error::new(Code::InvalidParameterValue, format!("unknown kafka property \"{name}\""))
            } else {
                Error::new(
                    Code::InvalidParameterValue,
                    format!("invalid value \"{value}\" for kafka property \"{name}\""),
                )
                .with_detail(sentence(&description))
            };
            error.with_hint("The properties are those of librdkafka's CONFIGURATION.md.")
        }
        KafkaError::ClientCreation(description) => {
            Error::new(Code::InvalidParameterValue, "the kafka client does not accept its properties")
                .with_detail(sentence(&description))
        }
        other => Error::new(Code::ConnectionException, format!("could not make a kafka client: {other}")),
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// Receives what librdkafka says beside its answers. Nothing goes to the terminal of the host process.
#[derive(Default)]
pub struct Context {
    last_error: Mutex<Option<String>>,
}

impl Context {
    /// The newest error since the last call.
    pub fn take_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // librdkafka tells the end of a partition the same way; it is no error.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        // "host:port/bootstrap: Connect to … failed: Connection refused (after 0ms in state CONNECT)"
        let reason = reason.split(" (after ").next().unwrap_or(reason).trim();
        // That all brokers are down follows from the errors before, which say why.
        if !reason.ends_with("brokers are down") {
            *self.last_error.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Context {}
