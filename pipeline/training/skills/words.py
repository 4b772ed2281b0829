"""Words that fill the templates; every fifth of each list is held out of the training."""

FIRST_NAMES = (
    *("Anna", "Omar", "Lucy", "Ivan", "Clara", "Hugo", "Mei", "Paul", "Nina", "Tom"),
    *("Sara", "Leo", "Ruth", "Karim", "Elena", "Jack", "Priya", "Oscar", "Maria", "Felix"),
    *("Julia", "David", "Amina", "Peter", "Greta", "Samuel", "Alice", "Victor", "Laura", "Ben"),
)
SURNAMES = (
    *("Meyer", "Silva", "Brown", "Rossi", "Tanaka", "Novak", "Green", "Lopez", "Fischer", "Khan"),
    *("Olsen", "Walker", "Dubois", "Kim", "Santos", "Clark", "Weber", "Ali", "Moreau", "Young"),
)
CITIES = (
    *("Bergen", "Lisbon", "Cairo", "Dublin", "Kyoto", "Vienna", "Toronto", "Oslo", "Madrid"),
    *("Lima", "Bristol", "Naples", "Boston", "Prague", "Seoul", "Hamburg", "Denver", "Porto"),
    *("Nairobi", "Geneva", "Leeds", "Athens", "Sydney", "Warsaw", "Chicago"),
)
JOBS = (
    *("nurse", "teacher", "pilot", "baker", "lawyer", "farmer", "painter", "dentist", "driver"),
    *("chemist", "singer", "plumber", "writer", "waiter", "engineer"),
)
TABLES = {
    "books": (("title", "author", "genre"), ("year", "price", "pages")),
    "orders": (("customer", "product", "status"), ("total", "quantity", "discount")),
    "employees": (("name", "department", "city"), ("salary", "age", "bonus")),
    "flights": (("number", "airline", "airport"), ("price", "duration", "seats")),
    "students": (("name", "school", "class"), ("age", "score", "fee")),
    "products": (("name", "brand", "category"), ("price", "stock", "weight")),
    "movies": (("title", "director", "studio"), ("year", "rating", "budget")),
    "hotels": (("name", "city", "owner"), ("stars", "rooms", "price")),
    "cars": (("model", "brand", "colour"), ("year", "price", "mileage")),
    "songs": (("title", "artist", "album"), ("length", "plays", "year")),
    "patients": (("name", "doctor", "ward"), ("age", "weight", "height")),
    "cities": (("name", "country", "mayor"), ("population", "area", "rainfall")),
    "houses": (("street", "owner", "town"), ("rooms", "rent", "size")),
    "games": (("title", "maker", "platform"), ("score", "players", "price")),
    "courses": (("name", "teacher", "room"), ("credits", "fee", "places")),
}
"""Each table's columns: names of things, and numbers."""
HOSTS = ("web1", "web2", "db1", "db2", "cache1", "mail1", "proxy2", "api1", "api3", "build4")
PROBLEMS = (
    *("disk full", "connection refused", "out of memory", "certificate expired", "login failed"),
    *("request timed out", "backup failed", "queue overflow", "file not found"),
    *("permission denied", "database locked", "slow query", "high load"),
    *("packet loss", "DNS lookup failed"),
)
ROUTINE = (
    *("service started", "user logged in", "cache cleared", "backup done", "config reloaded"),
    *("health check ok", "job finished", "session closed", "index rebuilt", "key rotated"),
)
FOLDERS = (
    *("/var/log", "/tmp", "/home/anna", "/etc", "/srv/data", "/opt/app", "/usr/share", "/mnt/disk"),
    *("/var/www", "/backup", "/home/omar", "/srv/media", "/data/raw", "/var/tmp", "/opt/build"),
)
ENDINGS = ("log", "txt", "csv", "py", "json", "jpg", "xml", "md", "pdf", "html", "yaml", "sql")
FILES = (
    *("notes", "access", "report", "users", "error", "data", "sales", "server", "config", "names"),
    *("results", "words", "events", "orders", "index"),
)
SEARCHED = ("error", "timeout", "admin", "failed", "warning", "TODO", "login", "root", "404", "cat")
