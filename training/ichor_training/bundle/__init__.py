"""What a bundle is made of: graphs, manifest, card, golden values."""
