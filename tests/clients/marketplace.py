"""Drives a marketplace sandbox with boto3 and prints what it saw, one JSON object a line.

    marketplace.py ENDPOINT FLOW...

The Rust SDK runs the same flows in tests/marketplace-sandbox/tests/it/clients; a line here and its line
there must be equal. Times are milliseconds since 1970.
"""

import json
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ISV_KEY = ("AKIACOUNTERSIGN00001", "countersign-sandbox-secret")
PRODUCT = "prod-hndbkprofserv1"
BUYER = "444455556666"
DAY = 86_400


class Party:
    """One account's clients."""

    def __init__(self, endpoint, key):
        def client(service):
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id=key[0],
                aws_secret_access_key=key[1],
                config=Config(retries={"total_max_attempts": 1}),
            )

        self.catalog = client("marketplace-catalog")
        self.agreement = client("marketplace-agreement")
        self.queue = client("sqs")


class Market:
    """The sandbox, its `/sandbox` routes, and what was seen."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.isv = Party(endpoint, ISV_KEY)

    def see(self, step, **facts):
        print(json.dumps({"step": step, **facts}))

    def act(self, route, body):
        request = urllib.request.Request(
            f"{self.endpoint}/sandbox/{route}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)

    def day(self, days):
        now = datetime.fromisoformat(self.act("clock", {"advanceSeconds": 0})["now"].replace("Z", "+00:00"))
        return (now + timedelta(days=days)).strftime("%Y-%m-%d")

    def advance(self, seconds):
        self.act("clock", {"advanceSeconds": seconds})

    def run(self, party, changes, entity_type="Offer@1.0", entity=None):
        """Starts a change set whose first change makes the entity, unless there is one; its description."""
        sent = []
        for index, (change_type, details) in enumerate(changes):
            change = {"ChangeType": change_type, "Entity": {"Type": entity_type}, "Details": json.dumps(details)}
            if entity:
                change["Entity"]["Identifier"] = entity
            elif index == 0:
                change["ChangeName"] = "New"
            else:
                change["Entity"]["Identifier"] = "$New.Entity.Identifier"
            sent.append(change)
        started = party.catalog.start_change_set(Catalog="AWSMarketplace", ChangeSet=sent)
        for _ in range(500):
            described = party.catalog.describe_change_set(
                Catalog="AWSMarketplace", ChangeSetId=started["ChangeSetId"]
            )
            if described["Status"] not in ("PREPARING", "APPLYING"):
                return described
        raise SystemExit(f"change set {started['ChangeSetId']} does not end")

    def make(self, party, step, changes, entity_type="Offer@1.0"):
        """Runs a change set and shows how it ended; the id of the entity it made."""
        ended = self.run(party, changes, entity_type)
        self.see_ended(step, ended)
        return ended["ChangeSet"][0]["Entity"].get("Identifier", "").split("@")[0]

    def see_ended(self, step, ended):
        self.see(
            step,
            id=ended["ChangeSetId"],
            status=ended["Status"],
            failure=ended.get("FailureCode"),
            entity=ended["ChangeSet"][0]["Entity"].get("Identifier"),
            errors=[
                f"{change['ChangeType']}: {error['ErrorCode']}"
                for change in ended["ChangeSet"]
                for error in change["ErrorDetailList"]
            ],
        )

    def refused(self, step, call, **request):
        """A call that must be refused: its code, status, reason and resource."""
        try:
            call(**request)
        except ClientError as error:
            answer = error.response
            self.see(
                step,
                code=answer["Error"]["Code"],
                status=answer["ResponseMetadata"]["HTTPStatusCode"],
                reason=answer.get("reason"),
                resource=answer.get("resourceId"),
                kind=answer.get("resourceType"),
            )
        else:
            self.see(step, code="not refused")


def millis(time):
    return None if time is None else round(time.timestamp() * 1000)


def handbook(market, price="102500.00", buyer=BUYER):
    return [
        ("CreateOffer", {"ProductId": PRODUCT, "Name": "Handbook deal"}),
        ("UpdateInformation", {"Description": "Engagement E-1"}),
        ("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": [buyer]}}),
        ("UpdateLegalTerms", legal(market, "LegalTerm")),
        ("UpdatePricingTerms", pricing("FixedUpfrontPricingTerm")),
        ("UpdatePaymentScheduleTerms", schedule("PaymentScheduleTerm", [(market.day(0), price)])),
        ("UpdateAvailability", {"AvailabilityEndDate": market.day(14)}),
        ("UpdateValidityTerms", {"Terms": [{"Type": "ValidityTerm", "AgreementDuration": "P90D"}]}),
        ("ReleaseOffer", {}),
    ]


def legal(market, kind):
    document = {"Type": "CustomEula", "Url": f"{market.endpoint}/bucket/terms.pdf"}
    return {"Terms": [{"Type": kind, "Documents": [document]}]}


def pricing(kind):
    grants = [{"DimensionKey": "implementation", "MaxQuantity": 1}]
    term = {"Type": kind, "CurrencyCode": "USD", "Price": "0", "Duration": "P90D", "Grants": grants}
    return {"PricingModel": "Contract", "Terms": [term]}


def schedule(kind, rows):
    charges = [{"ChargeDate": date, "ChargeAmount": amount} for date, amount in rows]
    return {"Terms": [{"Type": kind, "CurrencyCode": "USD", "Schedule": charges}]}


def direct(market):
    """A direct offer from its change set to its agreement's terms."""
    isv = market.isv
    offer = market.make(isv, "offer", handbook(market))
    entity = isv.catalog.describe_entity(Catalog="AWSMarketplace", EntityId=offer)
    details = json.loads(entity["Details"])
    market.see(
        "entity",
        type=entity["EntityType"],
        identifier=entity["EntityIdentifier"],
        arn=entity["EntityArn"],
        modified=entity["LastModifiedDate"],
        state=details["State"],
        terms=[term["Type"] for term in details["Terms"]],
        same=details == entity["DetailsDocument"],
    )
    listed = isv.catalog.list_entities(
        Catalog="AWSMarketplace",
        EntityType="Offer",
        EntityTypeFilters={"OfferFilters": {"State": {"ValueList": ["Released"]}}},
    )
    market.see(
        "offers",
        ids=[entity["EntityId"] for entity in listed["EntitySummaryList"]],
        buyers=[entity["OfferSummary"]["BuyerAccounts"] for entity in listed["EntitySummaryList"]],
    )
    agreement = market.act("accept", {"offerId": offer, "buyerAccountId": BUYER})["agreementId"]
    search(market, "agreements", isv, [("PartyType", "Proposer"), ("AgreementType", "PurchaseAgreement")])
    describe(market, "agreement", isv, agreement)
    see_terms(market, "terms", isv, agreement)
    refusals(market, agreement)


def search(market, step, party, filters):
    found = party.agreement.search_agreements(
        catalog="AWSMarketplace",
        filters=[{"name": name, "values": [value]} for name, value in filters],
        sort={"sortBy": "EndTime", "sortOrder": "ASCENDING"},
    )
    market.see(
        step,
        agreements=[
            {
                "id": summary["agreementId"],
                "status": summary["status"],
                "acceptor": summary["acceptor"]["accountId"],
                "proposer": summary["proposer"]["accountId"],
                "offer": summary["proposalSummary"]["offerId"],
                "accepted": millis(summary["acceptanceTime"]),
                "ends": millis(summary["endTime"]),
                "updated": millis(summary["lastUpdateTime"]),
            }
            for summary in found["agreementViewSummaries"]
        ],
    )


def describe(market, step, party, agreement):
    described = party.agreement.describe_agreement(agreementId=agreement)
    market.see(
        step,
        id=described["agreementId"],
        status=described["status"],
        value=described["estimatedCharges"]["agreementValue"],
        currency=described["estimatedCharges"]["currencyCode"],
        starts=millis(described["startTime"]),
        ends=millis(described["endTime"]),
        resource=described["proposalSummary"]["resources"][0]["id"],
        type=described["proposalSummary"]["resources"][0]["type"],
    )


def see_terms(market, step, party, agreement):
    terms = {}
    request = {"agreementId": agreement, "maxResults": 3}
    while True:
        page = party.agreement.get_agreement_terms(**request)
        for term in page["acceptedTerms"]:
            terms.update(term)
        if not page.get("nextToken"):
            break
        request["nextToken"] = page["nextToken"]
    charges = terms.get("paymentScheduleTerm", {}).get("schedule", [])
    fixed = terms.get("fixedUpfrontPricingTerm", {})
    variable = terms.get("variablePaymentTerm", {})
    market.see(
        step,
        kinds=sorted(terms),
        schedule=[[millis(charge["chargeDate"]), charge["chargeAmount"]] for charge in charges],
        price=fixed.get("price"),
        quantities=[grant.get("maxQuantity") for grant in fixed.get("grants", [])],
        duration=terms.get("validityTerm", {}).get("agreementDuration"),
        documents=[document["type"] for document in terms["legalTerm"]["documents"]],
        cap=variable.get("maxTotalChargeAmount"),
        strategy=variable.get("configuration", {}).get("paymentRequestApprovalStrategy"),
    )


def refusals(market, agreement):
    """What each API refuses, as the SDK's own error."""
    isv = market.isv
    catalog, agreements = isv.catalog, isv.agreement
    market.refused("no such agreement", agreements.describe_agreement, agreementId="agmt-none")
    market.refused("no such entity", catalog.describe_entity, Catalog="AWSMarketplace", EntityId="offer-none")
    kind = {"name": "AgreementType", "values": ["PurchaseAgreement"]}
    market.refused("no party", agreements.search_agreements, filters=[kind])
    colour = {"name": "Colour", "values": ["red"]}
    party = {"name": "PartyType", "values": ["Proposer"]}
    market.refused("no such filter", agreements.search_agreements, filters=[party, kind, colour])
    market.refused("foreign token", agreements.get_agreement_terms, agreementId=agreement, nextToken="nonsense")
    empty = [{"ChangeType": "ReleaseOffer", "Entity": {"Type": "Offer@1.0"}, "Details": "{}"}]
    market.refused("nothing to release", catalog.start_change_set, Catalog="AWSMarketplace", ChangeSet=empty)
    for failure in ("throttle", "fault", "access-denied"):
        market.act("inject", {"operation": "DescribeAgreement", "failure": failure})
        market.refused(f"agreement {failure}", agreements.describe_agreement, agreementId=agreement)
    for failure in ("throttle", "fault", "lock", "access-denied"):
        market.act("inject", {"operation": "StartChangeSet", "failure": failure})
        market.refused(f"catalog {failure}", catalog.start_change_set, Catalog="AWSMarketplace", ChangeSet=empty)


FLOWS = {"direct": direct}

if __name__ == "__main__":
    for name in sys.argv[2:]:
        FLOWS[name](Market(sys.argv[1]))
