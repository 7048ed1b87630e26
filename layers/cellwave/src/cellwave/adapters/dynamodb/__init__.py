"""DynamoDB: state, journeys and ledger, vault, registry."""
