//! gRPC calls without generated code: the descriptors tell how a message is made from JSON.
//!
//! Every kind of call goes the same way: a list of messages out, a list of messages back.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use countersign_platform::operations_proto;
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, SerializeOptions,
};
use serde_json::Value;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::environment::{Endpoints, Service};

/// A call that takes longer has got lost with its server; it is made again with the same key.
const CALL_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Downloads come in chunks, so no message is larger than this.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Every method of every service, by full name.
#[derive(Debug, Clone)]
pub(super) struct Methods {
    pool: DescriptorPool,
}

/// Connections to the services, made when first needed and again after a restart.
#[derive(Debug)]
pub(super) struct Wire {
    channels: BTreeMap<Service, Channel>,
}

impl Methods {
    pub(super) fn known() -> Result<Self> {
        let mut pool = DescriptorPool::decode(countersign_proto::FILE_DESCRIPTOR_SET)
            .context("the descriptors of the services")?;
        pool.decode_file_descriptor_set(operations_proto::FILE_DESCRIPTOR_SET)
            .context("the descriptors of what every service answers")?;
        Ok(Self { pool })
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = MethodDescriptor> {
        let services: Vec<_> = self.pool.services().collect();
        services
            .into_iter()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
    }

    /// The method written as `countersign.offer.v1.OfferService/GetOffer`.
    pub(super) fn find(&self, full_name: &str) -> Result<MethodDescriptor> {
        let Some((service, method)) = full_name.split_once('/') else {
            bail!("{full_name:?} should read package.Service/Method");
        };
        let Some(service) = self.pool.get_service_by_name(service) else {
            let known: Vec<_> = self
                .pool
                .services()
                .map(|s| s.full_name().to_owned())
                .collect();
            bail!(
                "no service is called {service:?}; there are {}",
                known.join(", ")
            );
        };
        let found = service.methods().find(|known| known.name() == method);
        found.ok_or_else(|| {
            let known: Vec<_> = service.methods().map(|m| m.name().to_owned()).collect();
            anyhow!(
                "{} has no {method:?}; it has {}",
                service.full_name(),
                known.join(", ")
            )
        })
    }
}

impl Wire {
    pub(super) fn new(endpoints: &Endpoints) -> Result<Self> {
        let mut channels = BTreeMap::new();
        for service in endpoints.services.keys() {
            let endpoint = endpoints.grpc(*service)?;
            let endpoint = endpoint.connect_timeout(CONNECT_LIMIT).timeout(CALL_LIMIT);
            channels.insert(*service, endpoint.connect_lazy());
        }
        Ok(Self { channels })
    }

    /// Makes one call: to the one service that answers it, or to the one named by `at`.
    pub(super) async fn call(
        &self,
        method: &MethodDescriptor,
        at: Option<Service>,
        messages: Vec<DynamicMessage>,
        metadata: MetadataMap,
    ) -> Result<Result<Vec<DynamicMessage>, Status>> {
        let service = method.parent_service().full_name();
        let channel = at
            .or_else(|| Service::answering(service))
            .and_then(|service| self.channels.get(&service))
            .with_context(|| format!("nobody answers {service}"))?
            .clone();
        let path = PathAndQuery::try_from(format!("/{service}/{}", method.name()))?;
        let mut request = Request::new(futures::stream::iter(messages));
        *request.metadata_mut() = metadata;
        Ok(exchange(
            channel,
            path,
            request,
            DynamicCodec {
                answer: method.output(),
            },
        )
        .await)
    }
}

async fn exchange(
    channel: Channel,
    path: PathAndQuery,
    request: Request<futures::stream::Iter<std::vec::IntoIter<DynamicMessage>>>,
    codec: DynamicCodec,
) -> Result<Vec<DynamicMessage>, Status> {
    let mut client = Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let ready = client.ready().await;
    ready.map_err(|error| Status::from_error(Box::new(error)))?;
    let mut stream = client.streaming(request, path, codec).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        answers.push(answer);
    }
    Ok(answers)
}

/// Whether a status speaks of the way to the service rather than for the service: worth trying again.
pub(super) fn got_lost(status: &Status) -> bool {
    use std::error::Error;
    // tonic makes these itself, with the cause, when a connection breaks or a deadline passes.
    status.code() == tonic::Code::Unavailable
        || status.source().is_some()
        || (status.code() == tonic::Code::Cancelled && status.message() == "Timeout expired")
}

/// The first name in `json` that is no field where it stands, before any variable is filled in.
pub(super) fn unknown_field(descriptor: &MessageDescriptor, json: &Value) -> Option<String> {
    // Well-known types have a JSON of their own.
    let fields = json
        .as_object()
        .filter(|_| descriptor.package_name() != "google.protobuf")?;
    fields.iter().find_map(|(name, value)| {
        let by_json_name = || descriptor.get_field_by_json_name(name);
        let Some(field) = descriptor.get_field_by_name(name).or_else(by_json_name) else {
            return Some(format!("{} has no field {name:?}", descriptor.full_name()));
        };
        let Kind::Message(inner) = field.kind() else {
            return None;
        };
        match value {
            Value::Array(items) => items.iter().find_map(|item| unknown_field(&inner, item)),
            one if !field.is_map() => unknown_field(&inner, one),
            _ => None,
        }
    })
}

/// The message that `json` describes; unknown fields and wrong types are errors.
pub(super) fn message(descriptor: MessageDescriptor, json: &Value) -> Result<DynamicMessage> {
    let name = descriptor.full_name().to_owned();
    DynamicMessage::deserialize(descriptor, json)
        .with_context(|| format!("the request is no {name}"))
}

/// A message as JSON, with the names of the `.proto` and with defaults written out.
pub(super) fn json(message: &DynamicMessage) -> Result<Value> {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false)
        .stringify_64_bit_integers(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

struct DynamicCodec {
    answer: MessageDescriptor,
}

struct DynamicEncoder;

struct DynamicDecoder(MessageDescriptor);

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> DynamicEncoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder(self.answer.clone())
    }
}

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let decoded = DynamicMessage::decode(self.0.clone(), buffer);
        decoded
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn methods_are_found_by_name_and_errors_name_what_there_is() {
        let methods = Methods::known().unwrap();
        assert!(
            methods
                .find("countersign.estimate.v1.EstimateService/CreateEstimate")
                .is_ok()
        );
        let wrong = methods
            .find("countersign.estimate.v1.EstimateService/Create")
            .unwrap_err();
        assert!(wrong.to_string().contains("CreateEstimate"), "{wrong}");
        let wrong = methods
            .find("countersign.v1.EstimateService/CreateEstimate")
            .unwrap_err();
        assert!(
            wrong
                .to_string()
                .contains("countersign.offer.v1.OfferService"),
            "{wrong}"
        );
    }

    #[test]
    fn messages_are_made_from_json_and_read_back_with_the_names_of_the_proto() {
        let methods = Methods::known().unwrap();
        let method = methods
            .find("countersign.estimate.v1.EstimateService/SubmitEstimate")
            .unwrap();
        let request = value!({ "estimate_id": "e-1", "expected_version": 2 });
        let made = message(method.input(), &request).unwrap();
        assert_eq!(json(&made).unwrap(), request);
        assert!(message(method.input(), &value!({ "estimate": "e-1" })).is_err());
        assert!(message(method.input(), &value!({ "expected_version": "two" })).is_err());
    }

    #[test]
    fn a_misspelt_field_is_found_however_deep() {
        let methods = Methods::known().unwrap();
        let method = methods
            .find("countersign.estimate.v1.EstimateService/CreateEstimate")
            .unwrap();
        let request = |price: &str| value!({ "content": { "packages": [{ "name": "${x}", price: { "amount": "1.00" } }] } });
        assert_eq!(unknown_field(&method.input(), &request("base_price")), None);
        let found = unknown_field(&method.input(), &request("base_prise"));
        assert!(
            found
                .unwrap()
                .contains("WorkPackage has no field \"base_prise\"")
        );
    }
}
