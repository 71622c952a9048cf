"""API keys as Django makes and checks them.

In: {"make": number} -> {"tenant", "keys": [...]}; {"check": [raw key...]} -> [tenant id or null...].
"""

import json
import sys
import uuid

import django

django.setup()

from tenants.models import ApiKey, BusinessTenant

wish = json.load(sys.stdin)
if "make" in wish:
    tenant = BusinessTenant.objects.create(name="Keys", email=f"{uuid.uuid4().hex}@tenant.example")
    answer = {"tenant": str(tenant.tenant_id),
              "keys": [ApiKey.issue(tenant, name=f"key {number}")[1] for number in range(wish["make"])]}
else:
    found = [ApiKey.find(raw) for raw in wish["check"]]
    answer = [str(key.tenant_id) if key else None for key in found]
print(json.dumps(answer))
