"""What a user passes, pipelines, containers, images, and how it becomes rows."""
