"""What a picture shows: boxes, edges, and the text and numbers on them."""
