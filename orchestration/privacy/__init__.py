"""What the product does with personal data, as a document: fields, needs, recipients and risks."""
