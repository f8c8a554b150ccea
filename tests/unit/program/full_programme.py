"""A programme that has every key of every file, for tests that go through all of them."""

from program_texts import SOUND

FULL: dict[str, str] = {
    "program.yaml": """\
program: corner-shop
zone: Europe/Berlin
enrolment: required
currencies:
  USD: {2026-01-01: 0.92}
  EUR: {}
conversion: {base: EUR, rounding: half_even}
units:
  points: {expires: {after: 12mo, end_of: month}, rounding: floor}
  miles: {expires: {sliding: 12mo, by: earning}}
refunds: {clawback: unlimited, points_paid: kept}
referrals: {minimum_minor: 1000, within: 90d}
transfers: {units: [points], minimum: 5, expiry: renewed, limit: {per_member: {points: 100, every: week}}}
households: {units: [points], minimum: 5}
stacking:
  groups: {best-deal: {choose: best}}
  maximum_per_event: {points: 500}
""",
    "tiers.yaml": """\
qualification: {by: spend, unit: points, currency: EUR, period: rolling_months, months: 12}
upgrade: next_period
keep: 6
downgrade: one_down
grace: 30d
on_refund: recompute
"""
    + SOUND["tiers.yaml"],
    "rewards.yaml": """\
rewards:
  - {id: spare, price: 5, gives: {unit: miles, points: 3}}
  - {id: tea, price: 5, unit: miles, provider: acme, tiers: [silver], limit: {per_member: {count: 1, every: day}},
     confirm: required, timeout: 2d, stock: 500}
  - {id: film, price: 9, codes: cinema}
""",
    "partners.yaml": """\
partners:
  - id: acme
    address: https://api.acme.example/v1
    credentials: {env: ACME_TOKEN, header: X-Api-Key, prefix: Token}
    signing: {file: /run/secrets/acme}
    timeout: 10s
    retries: [0s, 5min]
    asks: [5s, 1h]
    acts_within: 2min
    idempotent: true
    breaker: {failures: 3, pause: 1min, probes: 2}
    concurrency: 4
    rate: 20
    fulfil:
      method: PUT
      path: "/orders/{fulfillment_id}"
      headers: {Idempotency-Key: "{fulfillment_id}"}
      body: {/sku: "{item}"}
      answers: [{means: confirmed, status: [200], where: {/state: done}}]
      reference: /id
      quantity: /given
    ask: {path: "/orders/{fulfillment_id}"}
    cancel: {path: "/orders/{fulfillment_id}", method: DELETE}
    callback:
      signing: {env: ACME_CALLBACKS}
      fulfillment_id: /order/key
      answers: [{means: failed, where: {/state: gone}}]
      reference: /order/id
      quantity: /given
    fallback: [{provider: other}, {reward: spare}]
    items: {tea: SKU-1}
    settlement: {currency: EUR, redeemed_minor: 700, issued_minor: 900}
  - {id: other, address: "http://127.0.0.1:8000", idempotent: true, fulfil: {path: /give}}
feeds:
  - {id: miles, signing: {env: MILES}, avro: "{}", list: /stays, events: [
      {type: none, where: {/kind: ping}},
      {type: custom_event, where: {/kind: stay}, fixed: {name: stay, attributes.hotel: H1}, time: ms,
       decimals: {numbers.nights: 1},
       fields: {event_id: /id, member_id: /card, occurred_at: /at, numbers.nights: /nights}}],
     limits: {countries: [US], amount_minor: 5, late: 7d, member_events: 2, events: 9, total_minor: 9, every: 1h}}
""",
    "notifications.yaml": """\
{languages: [en], sender: "Shop <points@shop.example>", quiet: "22:00-08:00",
  most_per_day: {email: 3, push: 5}, warning: 30d, messages: [
  {id: earned, on: points_earned, channel: email, digest: "18:00", consent: news,
   text: {en: {title: "{{ points }}", body: "{{ balance|number }}"}}}]}
""",
    "webhooks.yaml": """\
webhooks:
  - {id: crm, url: "https://crm.example/in", on: [tier_changed], signing: {env: CRM_SECRET}, timeout: 5s}
  - {id: bi, url: "http://127.0.0.1:9000", on: [points_earned], signing: {file: /run/bi}, retries: [0s, 1min]}
""",
    "campaigns.yaml": """\
campaigns:
  - id: summer
    during: {from: 2026-06-01, until: 2026-08-31, weekdays: [mon, tue], hours: ["17:00-19:00"]}
    limit: {per_member: {count: 3, every: {rolling: 30d}}}
    budget: {points: 100000, every: month}
  - id: winter
    budget: {count: 20}
""",
    "events.yaml": """\
events:
  - name: quiz
    attributes: {score: int, topic: text}
    optional: [topic]
""",
    "fraud.yaml": """\
signals:
  - id: devices
    velocity: {of: events, on: [transaction_completed], at_most: 5, within: 1h, by: device}
    action: deny
    mode: shadow
  - id: earned
    velocity: {of: earned, at_most: 500, every: month, unit: miles}
    action: clip
  - id: capped
    spending: {points: 2, per: 100, every: month, at_least: 50, unit: points}
    action: clip
  - id: spree
    history: {of: earned, times: 50, deviations: 10, at_least: 500, after: 5, unit: points}
    action: review
  - {id: travel, travel: {faster_than_km_h: 900}, action: review}
  - {id: countries, countries: {deny: [KP]}, action: deny}
  - {id: by-device, members: {by: device, at_most: 4, within: 30d}, action: review}
  - {id: loop, ring: {up_to: 6}, action: deny}
  - {id: returns, refunds: {percent: 50, at_least: 3, every: month}, action: review}
  - {id: selves, self_referral: {by: address, at_most: 2}, action: deny}
  - {id: fan-in, senders: {at_most: 5, within: 7d}, action: freeze}
  - id: sold
    partner: {times: 5, at_least: 1000, after: 5, at_most: 90000, quarantine: 7d, unit: points}
    action: review
  - {id: odd, unusual: {of: place, after: 9, new_for: 2d, at_least: 100}, action: allow}
  - {id: taken, takeover: {within: 1d}, action: freeze}
  - {id: scored, learned: {at_least: 2500}, action: review}
  - id: unlike-the-tier
    cohort: {of: earned, by: tier, per: day, percentile: p99, times: 5, at_least: 9, at_least_members: 50, unit: points}
    action: review
attributes:
  {device: device_id, address: home, partner: partner_id, place: shop, country: land, latitude: lat, longitude: lon}
review: {timeout: 7d, default: approve, four_eyes_points: 5000}
""",
    "model.yaml": """\
trees:
  - new_device<=0 -210 points<=400 35 1840
  - 12
""",
    "rules.yaml": """\
rules:
  - id: purchase
    on: transaction_completed
    when: event.amount_minor > 5
    first_only: false
    unless_rewarded_within: {window: 3d, by: any}
    limit: [{per_member: {points: 5, every: day}}]
    award:
      points: {per: 100, of: event.amount_minor, rate: 0.5}
      unit: points
      pending: 14d
      expires: {after: 30d, end_of: month}
    tier_multiplies: true
    qualifies: true
    mode: live
    priority: 5
    group: best-deal
    during: {hours: "22:00-02:00"}
    campaign: summer
  - id: weekly
    on: transaction_completed
    award: {points: {of: event.amount_minor, rate: {bronze: 1, silver: 1.5, platinum: 2}}, expires: never}
    group: best-deal
    streak: {every: week, length: 4, grace: 1, award_at: each}
    campaign: winter
  - id: tenth
    on: transaction_completed
    award: {points: 10}
    achievement: {count: 10}
    funded_by: acme
""",
}
"""A sound programme in which every key stands at least once."""
