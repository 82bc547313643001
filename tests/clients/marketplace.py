"""Drives a marketplace sandbox with boto3 and prints what it saw, one JSON object a line.

    marketplace.py ENDPOINT FLOW...

The Rust SDK runs the same flows in tests/marketplace-sandbox/tests/it/clients; a line here and its line
there must be equal. Times are milliseconds since 1970.
"""

import json
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from hashlib import md5

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

ISV_KEY = ("AKIACOUNTERSIGN00001", "countersign-sandbox-secret")
PARTNER_KEY = ("AKIACOUNTERSIGN00002", "countersign-sandbox-secret")
BUYER_KEY = ("AKIACOUNTERSIGN00003", "countersign-sandbox-secret")
PARTNER = "222233334444"
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
        self.partner = Party(endpoint, PARTNER_KEY)
        self.buyer = Party(endpoint, BUYER_KEY)

    def see(self, step, **facts):
        print(json.dumps({"step": step, **facts}))

    def act(self, route, body):
        return self.fetch(route, data=json.dumps(body).encode(), method="POST")

    def fetch(self, route, **request):
        request = urllib.request.Request(f"{self.endpoint}/sandbox/{route}", **request)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)

    def now(self):
        return datetime.fromisoformat(self.act("clock", {"advanceSeconds": 0})["now"])

    def day(self, days):
        return (self.now() + timedelta(days=days)).strftime("%Y-%m-%d")

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


def resale_authorization(market):
    buyers = {"Type": "BuyerTargetingTerm", "PositiveTargeting": {"BuyerAccounts": [BUYER]}}
    upfront = pricing("ResaleFixedUpfrontPricingTerm")
    upfront["Terms"][0]["Price"] = "0.00"
    rows = [(market.day(40), "0.50"), (market.day(70), "0.50")]
    return [
        (
            "CreateResaleAuthorization",
            {"ProductId": PRODUCT, "Name": "S1", "Description": "Scenario one", "ResellerAccountId": PARTNER},
        ),
        ("UpdateBuyerTargetingTerms", {"Terms": [buyers]}),
        ("UpdateAvailability", {"AvailabilityEndDate": market.day(30), "OffersMaxQuantity": 1}),
        ("UpdateLegalTerms", legal(market, "BuyerLegalTerm")),
        ("UpdatePricingTerms", upfront),
        ("UpdatePaymentScheduleTerms", schedule("ResalePaymentScheduleTerm", rows)),
        ("ReleaseResaleAuthorization", {}),
    ]


def open_ended(market, price):
    card = {
        "Selector": {"Type": "Duration", "Value": "P90D"},
        "RateCard": [{"DimensionKey": "implementation", "Price": price}],
        "Constraints": {"MultipleDimensionSelection": "Disallowed", "QuantityConfiguration": "Disallowed"},
    }
    term = {"Type": "ResaleConfigurableUpfrontPricingTerm", "CurrencyCode": "USD", "RateCards": [card]}
    return [
        (
            "CreateResaleAuthorization",
            {"ProductId": PRODUCT, "Name": "Open", "Description": "Open ended", "ResellerAccountId": PARTNER},
        ),
        ("UpdateLegalTerms", legal(market, "BuyerLegalTerm")),
        ("UpdatePricingTerms", {"PricingModel": "Contract", "Terms": [term]}),
        ("ReleaseResaleAuthorization", {}),
    ]


def resale_offer(market, authorization, markup="10"):
    return [
        (
            "CreateOfferUsingResaleAuthorization",
            {"ResaleAuthorizationId": authorization, "Name": "Resold", "Description": "Scenario one"},
        ),
        ("UpdateMarkup", {"Percentage": markup}),
        ("UpdateAvailability", {"AvailabilityEndDate": market.day(30)}),
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
    configurable = terms.get("configurableUpfrontPricingTerm")
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
        taken=configurable and taken(configurable),
    )


def taken(configurable):
    """What the buyer took of a rate card, and its rates."""
    configuration = configurable["configuration"]
    rates = [rate for card in configurable["rateCards"] for rate in card["rateCard"]]
    return [
        configuration["selectorValue"],
        [[taken["dimensionKey"], taken["dimensionValue"]] for taken in configuration["dimensions"]],
        [[rate["dimensionKey"], rate["price"]] for rate in rates],
    ]


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


def catalog(market):
    """What the Catalog API has beside change sets: lists, several entities at once, tags, policies, assessments."""
    api = market.isv.catalog
    create = {"ProductId": PRODUCT, "Name": "Tagged"}
    offer = market.make(market.isv, "made", [("CreateOffer", create)])
    sets = api.list_change_sets(Catalog="AWSMarketplace", FilterList=[{"Name": "EntityId", "ValueList": [offer]}])
    sets = sets["ChangeSetSummaryList"]
    market.see("sets", sets=[[one["ChangeSetId"], one["Status"], one["EntityIdList"]] for one in sets])
    named = {"OfferFilters": {"Name": {"ValueList": ["Tagged"]}}}
    offers = api.list_entities(Catalog="AWSMarketplace", EntityType="Offer", EntityTypeFilters=named)
    market.see(
        "offers",
        offers=[
            [one["EntityId"], one["EntityType"], one["OfferSummary"]["Name"], one["OfferSummary"]["State"]]
            for one in offers["EntitySummaryList"]
        ],
    )
    sorted_lists(market, offer)
    both = api.batch_describe_entities(
        EntityRequestList=[{"Catalog": "AWSMarketplace", "EntityId": id} for id in (offer, "offer-none")]
    )
    market.see(
        "both",
        found=[[id, one["EntityType"], one["EntityIdentifier"]] for id, one in both["EntityDetails"].items()],
        missing=[[id, error["ErrorCode"]] for id, error in both["Errors"].items()],
    )
    arn = api.describe_entity(Catalog="AWSMarketplace", EntityId=offer)["EntityArn"]
    for step, key, value in (("tagged", "deal", "D-1"), ("tagged twice", "by", "desk")):
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])
        see_tags(market, step, arn)
    api.untag_resource(ResourceArn=arn, TagKeys=["deal"])
    see_tags(market, "untagged", arn)
    policy = json.dumps({"Statement": [], "Version": "2012-10-17"}, separators=(",", ":"))
    api.put_resource_policy(ResourceArn=arn, Policy=policy)
    market.see("policy", policy=api.get_resource_policy(ResourceArn=arn)["Policy"])
    api.delete_resource_policy(ResourceArn=arn)
    market.refused("no policy", api.get_resource_policy, ResourceArn=arn)
    market.see("assessments", count=len(api.list_assessments(Catalog="AWSMarketplace")["AssessmentSummaryList"]))
    market.refused(
        "no assessment", api.describe_assessment, Catalog="AWSMarketplace", AssessmentIdentifier="as-none"
    )
    ended = {"Catalog": "AWSMarketplace", "ChangeSetId": sets[0]["ChangeSetId"]}
    market.refused("too late to cancel", api.cancel_change_set, **ended)
    odd = [{"Name": "Colour", "ValueList": ["red"]}]
    market.refused("no such filter", api.list_change_sets, Catalog="AWSMarketplace", FilterList=odd)
    market.act("inject", {"operation": "DescribeEntity", "failure": "not-supported"})
    market.refused("entity not-supported", api.describe_entity, Catalog="AWSMarketplace", EntityId=offer)
    market.act("inject", {"operation": "StartChangeSet", "failure": "quota"})
    release = [{"ChangeType": "ReleaseOffer", "Entity": {"Type": "Offer@1.0"}, "Details": "{}"}]
    market.refused("catalog quota", api.start_change_set, Catalog="AWSMarketplace", ChangeSet=release)


def sorted_lists(market, tagged):
    """The orders of lists; which of two offers and change sets comes first."""
    api = market.isv.catalog
    market.advance(DAY)
    market.make(market.isv, "another", [("CreateOffer", {"ProductId": PRODUCT, "Name": "Another"})])
    for by, order in (("Name", "ASCENDING"), ("Name", "DESCENDING"), ("LastModifiedDate", "ASCENDING")):
        sort = {"SortBy": by, "SortOrder": order}
        for name, sent in (("typed", {"EntityTypeSort": {"OfferSort": sort}}), ("plain", {"Sort": sort})):
            listed = api.list_entities(Catalog="AWSMarketplace", EntityType="Offer", **sent)
            market.see(
                f"{name} by {by} {order}", first=listed["EntitySummaryList"][0]["EntityId"] == tagged
            )
    for by in ("StartTime", "EndTime"):
        sort = {"SortBy": by, "SortOrder": "ASCENDING"}
        sets = api.list_change_sets(Catalog="AWSMarketplace", Sort=sort)["ChangeSetSummaryList"]
        market.see(f"sets by {by}", first=sets[0]["EntityIdList"] == [tagged])
    colour = {"SortBy": "Colour"}
    market.refused("no such order", api.list_entities, Catalog="AWSMarketplace", EntityType="Offer", Sort=colour)
    market.refused("no such order of sets", api.list_change_sets, Catalog="AWSMarketplace", Sort=colour)
    odd = {"ResaleAuthorizationSort": {"SortBy": "EntityId"}}
    market.refused(
        "another type's order", api.list_entities, Catalog="AWSMarketplace", EntityType="Offer", EntityTypeSort=odd
    )


def see_tags(market, step, arn):
    tags = market.isv.catalog.list_tags_for_resource(ResourceArn=arn)["Tags"]
    market.see(step, tags=[[tag["Key"], tag["Value"]] for tag in tags])


def resale(market):
    """A resale authorization, a partner's offer on top of it, and the agreement that comes of it."""
    isv, partner = market.isv, market.partner
    kind = "ResaleAuthorization@1.0"
    authorization = market.make(isv, "authorization", resale_authorization(market), kind)
    for step, party, ownership in (
        ("shared with partner", partner, "SHARED"),
        ("own of partner", partner, "SELF"),
        ("own of manufacturer", isv, "SELF"),
    ):
        listed = party.catalog.list_entities(
            Catalog="AWSMarketplace", EntityType="ResaleAuthorization", OwnershipType=ownership
        )
        fields = ("Status", "OfferExtendedStatus", "ResellerAccountID", "ManufacturerAccountId")
        market.see(
            step,
            found=[
                [entity["EntityId"], *(entity["ResaleAuthorizationSummary"][field] for field in fields)]
                for entity in listed["EntitySummaryList"]
            ],
        )
    offer = market.make(partner, "offer", resale_offer(market, authorization))
    entity = partner.catalog.describe_entity(Catalog="AWSMarketplace", EntityId=offer)
    details = json.loads(entity["Details"])
    schedules = [term["Schedule"] for term in details["Terms"] if term["Type"] == "PaymentScheduleTerm"]
    market.see(
        "resold",
        authorization=details["ResaleAuthorizationId"],
        markup=details["MarkupPercentage"],
        schedule=schedules[0],
    )
    market.make(partner, "used", resale_offer(market, authorization))
    market.refused(
        "not the manufacturer's", isv.catalog.describe_entity, Catalog="AWSMarketplace", EntityId=offer
    )
    agreement = market.act("accept", {"offerId": offer, "buyerAccountId": BUYER})["agreementId"]
    proposed = [("PartyType", "Proposer"), ("AgreementType", "PurchaseAgreement")]
    search(market, "partner's agreements", partner, proposed)
    search(market, "manufacturer's agreements", isv, proposed)
    describe(market, "agreement", partner, agreement)
    see_terms(market, "terms", partner, agreement)


def reusable(market):
    """An open-ended authorization by rate card, and what a buyer took of it."""
    isv, partner = market.isv, market.partner
    authorization = market.make(isv, "authorization", open_ended(market, "1000"), "ResaleAuthorization@1.0")
    changes = resale_offer(market, authorization, markup="2.5")
    changes.insert(1, ("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": [BUYER]}}))
    offer = market.make(partner, "offer", changes)
    for step, entity in (("authorized", authorization), ("resold", offer)):
        described = partner.catalog.describe_entity(Catalog="AWSMarketplace", EntityId=entity)
        details = json.loads(described["Details"])
        cards = [term["RateCards"] for term in details["Terms"] if "RateCards" in term]
        market.see(step, cards=cards, rules=details["Rules"])
    agreement = market.act("accept", {"offerId": offer, "buyerAccountId": BUYER})["agreementId"]
    describe(market, "agreement", partner, agreement)
    see_terms(market, "terms", partner, agreement)


def milestone_offer(market):
    return {
        "name": "Milestones",
        "buyerAccounts": [BUYER],
        "currencyCode": "USD",
        "maxTotalChargeAmount": "1000.00",
        "duration": "P90D",
        "availabilityEndDate": market.day(14),
        "legalDocumentUrl": f"{market.endpoint}/bucket/terms.pdf",
    }


def milestones(market):
    """Payment requests under a cap."""
    isv = market.isv
    offer = market.act("portal/variable-offer", milestone_offer(market))["offerId"]
    agreement = market.act("accept", {"offerId": offer, "buyerAccountId": BUYER})["agreementId"]
    describe(market, "agreement", isv, agreement)
    see_terms(market, "terms", isv, agreement)
    terms = isv.agreement.get_agreement_terms(agreementId=agreement)["acceptedTerms"]
    term = next(term["variablePaymentTerm"]["id"] for term in terms if "variablePaymentTerm" in term)
    request = {"agreementId": agreement, "termId": term, "name": "Milestone one"}
    first = {**request, "chargeAmount": "400.00", "clientToken": "token-1"}
    sent = isv.agreement.send_agreement_payment_request(**first)
    payment = sent["paymentRequestId"]
    market.see(
        "sent",
        id=payment,
        status=sent["status"],
        amount=sent["chargeAmount"],
        currency=sent["currencyCode"],
        created=millis(sent["createdAt"]),
    )
    market.see("same token", id=isv.agreement.send_agreement_payment_request(**first)["paymentRequestId"])
    send = isv.agreement.send_agreement_payment_request
    market.refused("another body", send, **{**first, "chargeAmount": "401.00"})
    market.refused("over the cap", send, **{**request, "chargeAmount": "600.01", "clientToken": "token-2"})
    see_payment(market, "waiting", agreement, payment)
    market.advance(10 * DAY)
    see_payment(market, "approved by silence", agreement, payment)
    market.refused(
        "too late to cancel",
        isv.agreement.cancel_agreement_payment_request,
        agreementId=agreement,
        paymentRequestId=payment,
    )
    listed = isv.agreement.list_agreement_payment_requests(partyType="Proposer", agreementId=agreement)
    market.see("list", ids=[item["paymentRequestId"] for item in listed["items"]])
    get = isv.agreement.get_agreement_payment_request
    market.refused("no such request", get, agreementId=agreement, paymentRequestId="pr-none")


def see_payment(market, step, agreement, payment):
    found = market.isv.agreement.get_agreement_payment_request(agreementId=agreement, paymentRequestId=payment)
    market.see(step, status=found["status"], charge=found.get("chargeId"), updated=millis(found["updatedAt"]))


def change_order(market):
    """A cancellation by silence, and billing adjustments that succeed in part."""
    isv = market.isv
    offer = market.make(isv, "offer", handbook(market))
    agreement = market.act("accept", {"offerId": offer, "buyerAccountId": BUYER})["agreementId"]
    market.act("bill", {"agreementId": agreement})
    send = isv.agreement.send_agreement_cancellation_request
    sent = send(agreementId=agreement, reasonCode="REPLACING_AGREEMENT", description="Change order 1")
    request = sent["agreementCancellationRequestId"]
    market.see(
        "asked",
        id=request,
        status=sent["status"],
        reason=sent["reasonCode"],
        created=millis(sent["createdAt"]),
    )
    market.refused("one at a time", send, agreementId=agreement, reasonCode="OTHER")
    market.advance(7 * DAY)
    found = isv.agreement.get_agreement_cancellation_request(
        agreementId=agreement, agreementCancellationRequestId=request
    )
    market.see("silence", status=found["status"], updated=millis(found["updatedAt"]))
    listed = isv.agreement.list_agreement_cancellation_requests(partyType="Proposer")
    market.see("list", ids=[item["agreementCancellationRequestId"] for item in listed["items"]])
    describe(market, "cancelled", isv, agreement)
    invoice = see_lines(market, "invoices", agreement)

    def entry(invoice, amount, token):
        return {
            "agreementId": agreement,
            "originalInvoiceId": invoice,
            "adjustmentAmount": amount,
            "currencyCode": "USD",
            "adjustmentReasonCode": "INCORRECT_TERMS_ACCEPTED",
            "clientToken": token,
        }

    made = isv.agreement.batch_create_billing_adjustment_request(
        billingAdjustmentRequestEntries=[entry(invoice, "2500.00", "one"), entry("0000000000", "1.00", "two")]
    )
    market.see(
        "adjusted",
        items=[[item["clientToken"], item["billingAdjustmentRequestId"]] for item in made["items"]],
        errors=[[error["clientToken"], error["code"]] for error in made["errors"]],
    )
    adjustment = made["items"][0]["billingAdjustmentRequestId"]
    found = isv.agreement.get_billing_adjustment_request(
        agreementId=agreement, billingAdjustmentRequestId=adjustment
    )
    market.see(
        "adjustment",
        status=found["status"],
        amount=found["adjustmentAmount"],
        invoice=found["originalInvoiceId"],
        updated=millis(found["updatedAt"]),
    )
    now = market.now()
    minute = timedelta(minutes=1)
    by_time = isv.agreement.list_billing_adjustment_requests
    market.see(
        "by time",
        before=len(by_time(createdAfter=now - minute)["items"]),
        after=len(by_time(createdAfter=now + minute)["items"]),
    )
    see_lines(market, "credited", agreement)


def see_lines(market, step, agreement):
    """The invoice lines; the id of the first."""
    found = market.isv.agreement.list_agreement_invoice_line_items(agreementId=agreement, groupBy="INVOICE_ID")
    lines = found["agreementInvoiceLineItemGroupSummaries"]
    market.see(
        step,
        lines=[
            [
                line["invoiceId"],
                line["invoiceType"],
                line["pricingCurrencyAmount"]["amount"],
                line["pricingCurrencyAmount"].get("maxAdjustmentAmount"),
                millis(line["issuedTime"]),
                line["invoiceBillingPeriod"]["month"],
                line["invoiceBillingPeriod"]["year"],
            ]
            for line in lines
        ],
    )
    return lines[0]["invoiceId"]


def events(market):
    """The queue of events: received, hidden, shown again, deleted; lost and repeated on demand."""
    queue = market.isv.queue
    url = queue.get_queue_url(QueueName="marketplace-events")["QueueUrl"]
    market.act("events/inject", {"fault": "duplicate", "detailType": "Offer Released"})
    market.run(market.isv, handbook(market))
    attributes = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    market.see("queued", count=attributes["ApproximateNumberOfMessages"])
    received = queue.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, MessageSystemAttributeNames=["All"]
    )["Messages"]
    bodies = [json.loads(message["Body"]) for message in received]
    market.see(
        "received",
        kinds=[body["detail-type"] for body in bodies],
        same=bodies[0]["id"] == bodies[1]["id"],
        digests=all(md5(message["Body"].encode()).hexdigest() == message["MD5OfBody"] for message in received),
        counts=[message["Attributes"]["ApproximateReceiveCount"] for message in received],
    )
    market.see("hidden", none="Messages" not in queue.receive_message(QueueUrl=url))
    handle = received[0]["ReceiptHandle"]
    queue.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    again = queue.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    market.see("shown again", same=again[0]["MessageId"] == received[0]["MessageId"])
    for message in [again[0], *received[1:]]:
        queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    market.advance(60)
    market.see("deleted", none="Messages" not in queue.receive_message(QueueUrl=url))
    market.act("events/inject", {"fault": "lose", "times": 2})
    market.run(market.isv, handbook(market))
    market.see("lost", none="Messages" not in queue.receive_message(QueueUrl=url))
    market.refused("no such queue", queue.get_queue_url, QueueName="another")


CONTACT = {
    "firstName": "Ada",
    "lastName": "Byron",
    "emailAddress": "ada@buyer.example.com",
    "companyName": "Buyer",
    "countryCode": "GB",
}


def buyer(market):
    """What a buyer does by API: a quote, its acceptance, purchase orders, answers to the seller's requests."""
    changes = handbook(market)
    rows = [(market.day(0), "100.00"), (market.day(30), "200.00")]
    changes[5] = ("UpdatePaymentScheduleTerms", schedule("PaymentScheduleTerm", rows))
    offer = market.make(market.isv, "offer", changes)
    agreement = accepted(market, offer)
    ordered(market, agreement)
    cancelled(market, agreement, market.make(market.isv, "second offer", changes))
    paid(market)


def ask(market, offer, configured=None):
    """A request for a new agreement of every term of the offer; which terms they are."""
    found = next(one for one in market.fetch("offers") if one["offerId"] == offer)
    terms = [{"id": term["id"]} for term in found["terms"]]
    for term, known in zip(terms, found["terms"]):
        if configured and known["type"] in configured:
            term["configuration"] = configured[known["type"]]
    request = {
        "intent": "NEW",
        "agreementProposalIdentifier": found["agreementProposalId"],
        "requestedTerms": terms,
    }
    return request, [term["type"] for term in found["terms"]]


def accepted(market, offer):
    """A quote and its acceptance, with a purchase order; the agreement."""
    create = market.buyer.agreement.create_agreement_request
    request, kinds = ask(market, offer)
    market.see("proposal", id=request["agreementProposalIdentifier"], kinds=kinds)
    taxed = {**request, "clientToken": "quote-1", "taxConfiguration": {"taxEstimation": "ENABLED"}}
    quote = create(**taxed)
    summary = quote["chargeSummary"]
    market.see(
        "quote",
        id=quote["agreementRequestId"],
        currency=summary["currencyCode"],
        value=[summary["newAgreementValue"], summary["newAgreementValueAfterTax"]],
        taxes=[[tax["amount"], tax["rate"], tax["type"]] for tax in summary["estimatedTaxes"]["breakdown"]],
        by=summary["invoicingEntity"]["legalName"],
        charges=[
            [
                charge["id"],
                millis(charge["time"]),
                charge["amount"],
                charge["amountAfterTax"],
                charge["timing"],
                charge["estimatedTaxes"]["totalAmount"],
            ]
            for charge in summary["expectedCharges"]
        ],
    )
    market.see("same token", id=create(**taxed)["agreementRequestId"])
    market.refused("another body", create, **{**taxed, "taxConfiguration": {"taxEstimation": "DISABLED"}})
    market.refused("not their offer", market.partner.agreement.create_agreement_request, **request)
    market.refused("no such proposal", create, **{**request, "agreementProposalIdentifier": "ap-none"})
    market.refused("a term is missing", create, **{**request, "requestedTerms": request["requestedTerms"][1:]})
    odd = [*request["requestedTerms"], {"id": "term-none"}]
    market.refused("no such term", create, **{**request, "requestedTerms": odd})
    market.refused("no source", create, **{**request, "intent": "AMEND"})
    accept = market.buyer.agreement.accept_agreement_request
    taking = {"agreementRequestId": quote["agreementRequestId"]}
    market.refused("somebody else's quote", market.partner.agreement.accept_agreement_request, **taking)
    order = {"purchaseOrderReference": "PO-1"}
    market.refused("no such charge", accept, **taking, purchaseOrders=[{"chargeId": "ch-none", **order}])
    order["chargeId"] = summary["expectedCharges"][0]["id"]
    agreement = accept(**taking, purchaseOrders=[order])["agreementId"]
    market.see("accepted", id=agreement)
    market.refused("accepted before", accept, **taking)
    describe(market, "agreement", market.buyer, agreement)
    market.refused("their offer no more", create, **request)
    return agreement


def ordered(market, agreement):
    """Purchase orders of charges."""
    first, second = see_charges(market, "charges", agreement)
    update = market.buyer.agreement.update_purchase_orders

    def order(charge, revision, reference):
        entry = {"agreementId": agreement, "chargeId": charge, "chargeRevision": revision}
        return {"purchaseOrders": [{**entry, "purchaseOrderReference": reference}]}

    market.refused("due already", update, **order(first, 1, "PO-2"))
    update(**order(second, 1, "PO-2"))
    see_charges(market, "ordered", agreement)
    market.refused("an old revision", update, **order(second, 1, "PO-3"))
    market.refused("the seller's order", market.isv.agreement.update_purchase_orders, **order(second, 2, "PO-3"))
    bare = {"agreementId": agreement, "chargeId": second, "purchaseOrderReference": "PO-3"}
    market.refused("no revision", update, purchaseOrders=[bare])


def see_charges(market, step, agreement):
    """The charges and their orders; their ids."""
    items = market.buyer.agreement.list_agreement_charges(agreementId=agreement)["items"]
    market.see(
        step,
        charges=[
            [
                charge["id"],
                charge["revision"],
                charge.get("purchaseOrderReference"),
                charge["amount"],
                millis(charge["time"]),
            ]
            for charge in items
        ],
    )
    return [charge["id"] for charge in items]


def cancelled(market, agreement, second_offer):
    """What ends an agreement: not the buyer alone, but with the seller."""
    buyer, isv = market.buyer.agreement, market.isv.agreement
    market.refused("one at a time", buyer.create_agreement_request, **ask(market, second_offer)[0])
    market.refused("a contract", buyer.cancel_agreement, agreementId=agreement)
    market.refused("the seller", isv.cancel_agreement, agreementId=agreement)
    market.refused("no such agreement", buyer.cancel_agreement, agreementId="agmt-none")

    def request():
        sent = isv.send_agreement_cancellation_request(agreementId=agreement, reasonCode="OTHER")
        return {"agreementId": agreement, "agreementCancellationRequestId": sent["agreementCancellationRequestId"]}

    def see(step, answer):
        market.see(
            step,
            id=answer["agreementCancellationRequestId"],
            status=answer["status"],
            said=answer.get("statusMessage"),
            updated=millis(answer["updatedAt"]),
        )

    asked = request()
    market.refused("the seller's own", isv.accept_agreement_cancellation_request, **asked)
    see("rejected", buyer.reject_agreement_cancellation_request(**asked, rejectionReason="We need it"))
    market.refused("too late to accept", buyer.accept_agreement_cancellation_request, **asked)
    asked = request()
    see("agreed", buyer.accept_agreement_cancellation_request(**asked))
    market.refused(
        "too late to reject", buyer.reject_agreement_cancellation_request, **asked, rejectionReason="No"
    )
    describe(market, "over", market.buyer, agreement)
    market.refused("over already", buyer.cancel_agreement, agreementId=agreement)


def paid(market):
    """Variable payments as the buyer chose them, whom it named, and its answers to payment requests."""
    buyer, isv = market.buyer.agreement, market.isv.agreement
    offer = market.act("portal/variable-offer", milestone_offer(market))["offerId"]
    strategy = {"paymentRequestApprovalStrategy": "WAIT_FOR_APPROVAL"}
    configured = {"VariablePaymentTerm": {"variablePaymentTermConfiguration": strategy}}
    market.refused("not configured", buyer.create_agreement_request, **ask(market, offer)[0])
    quote = buyer.create_agreement_request(**ask(market, offer, configured)[0], acceptorContact=CONTACT)
    agreement = buyer.accept_agreement_request(agreementRequestId=quote["agreementRequestId"])["agreementId"]
    see_terms(market, "milestones", market.buyer, agreement)
    for step, party in (("own contact", buyer), ("buyer's contact", isv)):
        market.see(step, contact=party.get_agreement_contacts(agreementId=agreement)["acceptorContact"])
    terms = isv.get_agreement_terms(agreementId=agreement)["acceptedTerms"]
    term = next(term["variablePaymentTerm"]["id"] for term in terms if "variablePaymentTerm" in term)

    def request(name):
        sent = isv.send_agreement_payment_request(
            agreementId=agreement, termId=term, name=name, chargeAmount="400.00"
        )
        return {"agreementId": agreement, "paymentRequestId": sent["paymentRequestId"]}

    def see(step, answer):
        market.see(
            step,
            id=answer["paymentRequestId"],
            status=answer["status"],
            said=answer.get("statusMessage"),
            amount=answer["chargeAmount"],
            updated=millis(answer["updatedAt"]),
        )

    first, second = request("Milestone one"), request("Milestone two")
    market.refused("the seller's answer", isv.accept_agreement_payment_request, **first)
    see("paid", buyer.accept_agreement_payment_request(**first, purchaseOrderReference="PO-9"))
    see("not paid", buyer.reject_agreement_payment_request(**second, rejectionReason="Not done"))
    market.refused("rejected before", buyer.accept_agreement_payment_request, **second)
    market.refused("paid before", buyer.reject_agreement_payment_request, **first)
    see_charges(market, "charged", agreement)


def approvals(market):
    """Agreement requests read, listed and given up; approvals by the plans of the buyer's organisation."""
    plans = [
        {"name": "Purchases", "levels": [{"approvers": APPROVERS[:2]}, {"name": "Head", "approvers": APPROVERS[2:]}]},
        {"name": "Security", "levels": [{"approvers": APPROVERS[2:]}]},
    ]
    market.act("approval-plans", {"account": BUYER, "plans": plans})
    offer = market.make(market.isv, "offer", handbook(market))
    given_up, rejected, taken = (
        market.buyer.agreement.create_agreement_request(**ask(market, offer)[0]) for _ in range(3)
    )
    told(market, "cancel_agreement_request", agreementRequestId=given_up["agreementRequestId"])
    market.refused(
        "given up before",
        market.buyer.agreement.cancel_agreement_request,
        agreementRequestId=given_up["agreementRequestId"],
    )
    start = started(market, rejected)
    rejection = {"agreementApprovalId": start[0], "note": "Not this year"}
    told(market, "reject_agreement_approval", buyerAgreementApprovalRejectionInput=rejection)
    see_request(market, "rejected", rejected)
    approved(market, taken)
    listed = pages(market, "list_agreement_requests", maxResults=2)
    market.see("requests", statuses=[item["status"] for item in listed])
    listed = pages(market, "list_agreement_approvals", partyType="AWS_ORGANIZATION_ADMIN", maxResults=3)
    market.see("approvals", seen=[[item["name"], item["status"]] for item in listed])
    none = {"agreementApprovalId": "apr-none"}
    market.refused("no such approval", market.buyer.agreement.get_agreement_approval, **none)
    own = {"partyType": "REQUESTER"}
    market.see("another account", approvals=market.isv.agreement.list_agreement_approvals(**own)["items"])


APPROVERS = ["ada@buyer.example.com", "bob@buyer.example.com", "cy@buyer.example.com"]


def told(market, operation, **request):
    """What the buyer is answered, which must have all that the model requires of an answer."""
    client = market.buyer.agreement
    answer = getattr(client, operation)(**request)
    del answer["ResponseMetadata"]
    name = client.meta.method_to_api_mapping[operation]
    shape = client.meta.service_model.operation_model(name).output_shape
    wrong = ParamValidator().validate(answer, shape)
    if wrong.has_errors():
        raise SystemExit(f"{operation}: {wrong.generate_report()}")
    return answer


def pages(market, operation, **request):
    """The items of all pages."""
    items = []
    while True:
        page = told(market, operation, **request)
        items += page["items"]
        if not page.get("nextToken"):
            return items
        request["nextToken"] = page["nextToken"]


def see_request(market, step, quote):
    found = told(market, "get_agreement_request", agreementRequestId=quote["agreementRequestId"])
    market.see(
        step,
        status=found["status"],
        requirement=found["approvalRequirement"],
        intent=found["intent"],
        made="agreementId" in found,
        orders=[charge.get("purchaseOrderReference") for charge in found["chargeSummary"]["expectedCharges"]],
    )


def started(market, quote):
    """Starts an approval by each plan of the request; their ids."""
    request = {"agreementRequestId": quote["agreementRequestId"]}
    plans = pages(market, "get_agreement_request_approval_plans", **request, maxResults=1)
    plans = [plan["buyerAgreementApprovalPlan"] for plan in plans]
    inputs = [
        {"buyerAgreementApprovalPlanInput": {"planReference": plan["planReference"], "requesterNote": "For Q1"}}
        for plan in plans
    ]
    summaries = told(market, "start_agreement_approvals", **request, planInputs=inputs)["approvalSummaries"]
    market.see(
        "started",
        plans=[[plan["name"], len(plan["levels"])] for plan in plans],
        approvals=[[summary["name"], summary["status"]] for summary in summaries],
        lasts=[(summary["expiresAt"] - summary["createdAt"]).total_seconds() for summary in summaries],
    )
    return [summary["agreementApprovalId"] for summary in summaries]


def see_approval(market, step, approval):
    """The approval and its approvers' outcomes; their ids, level by level."""
    found = told(market, "get_agreement_approval", agreementApprovalId=approval)["buyerAgreementApproval"]
    levels = [
        [approver["emailApproverOutcome"] for approver in level["groups"][0]["approvers"]]
        for level in found["levels"]
    ]
    market.see(
        step,
        status=found["status"],
        note=found["planInput"]["requesterNote"],
        product=found["proposalSummary"]["resources"][0]["name"],
        levels=[[[outcome["status"], outcome.get("note")] for outcome in level] for level in levels],
    )
    return [[outcome["approverOutcomeId"] for outcome in level] for level in levels]


def approved(market, quote):
    """A request by its approvals to its agreement, with a purchase order of an approver's."""
    request = {"agreementRequestId": quote["agreementRequestId"]}
    accept = market.buyer.agreement.accept_agreement_request
    market.refused("not approved", accept, **request)
    first, second = started(market, quote)
    market.refused("waiting", accept, **request)
    outcomes = see_approval(market, "asked", first)
    decide = market.buyer.agreement.accept_agreement_approval
    decision = {"agreementApprovalId": first, "approverOutcomeIdToOverride": outcomes[1][0]}
    market.refused("not yet asked", decide, buyerAgreementApprovalApproverInput=decision)
    charge = quote["chargeSummary"]["expectedCharges"][0]["id"]
    decision["approverOutcomeIdToOverride"] = outcomes[0][1]
    decision["purchaseOrders"] = [{"chargeId": charge, "purchaseOrderReference": "PO-7"}]
    decision["note"] = "Fine"
    told(market, "accept_agreement_approval", buyerAgreementApprovalApproverInput=decision)
    see_approval(market, "one level", first)
    for approval in (first, second):
        decision = {"agreementApprovalId": approval}
        told(market, "accept_agreement_approval", buyerAgreementApprovalApproverInput=decision)
    market.refused("approved before", decide, buyerAgreementApprovalApproverInput=decision)
    see_request(market, "approved", quote)
    terms = told(market, "get_agreement_request_terms", **request)["terms"]
    agreement = accept(**request)["agreementId"]
    accepted = market.buyer.agreement.get_agreement_terms(agreementId=agreement)["acceptedTerms"]
    market.see("terms", kinds=[kind for term in terms for kind in term], same=terms == accepted)
    see_request(market, "accepted", quote)
    charges = market.buyer.agreement.list_agreement_charges(agreementId=agreement)["items"]
    market.see("ordered", orders=[item.get("purchaseOrderReference") for item in charges])


FLOWS = {
    flow.__name__: flow
    for flow in (direct, catalog, resale, reusable, milestones, change_order, buyer, events, approvals)
}

if __name__ == "__main__":
    for name in sys.argv[2:]:
        FLOWS[name](Market(sys.argv[1]))
