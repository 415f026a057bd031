"""The service model of EFS out of the installed botocore, as plain JSON."""

import json

import botocore.session

session = botocore.session.get_session()
model = session.get_component("data_loader").load_service_model("efs", "service-2")
print(json.dumps({"operations": model["operations"], "shapes": model["shapes"]}))
