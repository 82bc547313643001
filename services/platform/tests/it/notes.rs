//! A gRPC service of `sample` with one command, `Note`, and patience to try.

use std::convert::Infallible;
use std::task::{Context, Poll};

use countersign_platform::{BoxError, Commands, NoSection, Parts, Permission, Service, Wiring};
use futures::future::BoxFuture;
use http::Request as HttpRequest;
use prost::Message;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::support::{note, sample};

/// The command: notes the text of a `StringValue` under the topic `called`.
pub(crate) const NOTE: &str = "countersign.sample.v1.NotesService/Note";

/// `sample` with the gRPC service.
pub(crate) fn noting() -> Service {
    sample()
        .descriptors(Box::leak(descriptors().into_boxed_slice()))
        .permissions(&[Permission::roles(NOTE, &["operator"])])
}

/// What it is made of.
pub(crate) async fn compose(parts: Parts<NoSection>) -> Result<Wiring, BoxError> {
    Ok(Wiring::new().grpc(Notes(parts.commands)))
}

fn descriptors() -> Vec<u8> {
    let method = MethodDescriptorProto {
        name: Some("Note".to_owned()),
        input_type: Some(".google.protobuf.StringValue".to_owned()),
        output_type: Some(".google.protobuf.Empty".to_owned()),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("NotesService".to_owned()),
        method: vec![method],
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("countersign/sample/v1/notes.proto".to_owned()),
        package: Some("countersign.sample.v1".to_owned()),
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

#[derive(Clone)]
struct Notes(Commands);

impl NamedService for Notes {
    const NAME: &'static str = "countersign.sample.v1.NotesService";
}

impl tower::Service<HttpRequest<Body>> for Notes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<(), String>::default());
            Ok(grpc.unary(this, request).await)
        })
    }
}

impl UnaryService<String> for Notes {
    type Response = ();
    type Future = BoxFuture<'static, Result<Response<()>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let Self(commands) = self.clone();
        Box::pin(async move {
            let call = commands.call(&request)?;
            let text = request.into_inner();
            let body = text.clone();
            commands
                .execute(&call, NOTE, &text, move |uow| {
                    let body = body.clone();
                    Box::pin(async move { note(uow, "called", &body).await })
                })
                .await
        })
    }
}
