"""VelPharma's development database: settings, image, server, seed, outputs."""

import pulumi

from components import outputs
from components import prefetch as head_start
from components.errors import as_run_errors
from components.image import PostgresImage, PostgresImageArgs
from components.optional_resources import declare_wishes
from components.preview import begin_to_find, container_mark, describe_reload, refuse_taken_port
from components.seed import Seed, SeedArgs
from components.server import PostgresServer, PostgresServerArgs, local_engine
from components.stack_settings import PROJECT_DIR, read_settings, warn_of_shared_wishes
from vpdb.seed_source import choose_content

# A bad setting, a bad backup, no Docker: refused here, before any resource is touched.
with as_run_errors():
    settings = read_settings()
    warn_of_shared_wishes(settings)
    finding = begin_to_find(settings)
    content = choose_content(PROJECT_DIR, settings)
    head_start.begin(finding, settings, content)
    engine = local_engine()
    refuse_taken_port(settings)
    mark = container_mark(settings)
looked = describe_reload(settings, content, finding)

image = PostgresImage(
    "postgres",
    PostgresImageArgs(context=PROJECT_DIR / "postgres", base_image=settings.base_image),
    pulumi.ResourceOptions(providers=[engine]),
)

server = PostgresServer(
    "server",
    PostgresServerArgs(
        settings=settings,
        image_id=image.image_id,
        data_dir=PROJECT_DIR / "data",
        after=looked,
        mark=mark,
    ),
    pulumi.ResourceOptions(providers=[engine]),
)

image.declare_build(after=server.container.id)

seed = Seed(
    "seed",
    SeedArgs(
        settings=settings,
        content=content,
        volume=server.volume.name,
        container=server.container.name,
        container_id=server.container.id,
        seen=looked,
    ),
    pulumi.ResourceOptions(replace_with=[server.volume]),  # a new one is empty: load again
)

declare_wishes(settings, server, seed)

outputs.export(settings, server, seed)
