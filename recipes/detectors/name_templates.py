"""Sentences with slots for names, by language, and others (English) that only examine.

`{job}`, `{number}`, `{date}` and `{department}` are no names: what stands beside names in records.
"""

from __future__ import annotations

TEMPLATES = {
    "en": """My name is {person} and I live at {address}.
Please send the papers to {person}, {address}.
{person} called about the invoice of {org}.
Hi, this is {first} from {org}, can you call me back?
dear {last}, your appointment in {city} is confirmed
Could you change the address of {person} to {address}?
{org} has hired {person} as of May.
I spoke with Mr {last} and Mrs {last} yesterday.
The contract between {org} and {person} ends soon.
Regards,\\n{person}\\n{org}\\n{address}
Is {person} still working for {org} in {city}?
{first} and {first} moved to {city} last year.
Client: {person}; street: {address}; employer: {org}
Who is responsible for {last}'s file?
We met Dr. {person} at {org}.
Ask {first} whether the parcel for {address} has arrived.
{person} owes {org} two hundred euros.
As agreed with {last}, the keys lie at {address}.
The daughter of {person}, {first}, was born in {city}.
Transfer the amount to {person} please, thanks, {first}
Good morning, I'd like to book a table for two on Friday.
What is the weather like in {city}?
The Tax Office sends its letters in May, as usual on Monday.
Can I return the blue shoes, size 42? They are too small.
Thank You for your order, Your parcel will arrive on Tuesday.
Is English or Dutch spoken at the Help Desk?
How do I use Excel with Windows and my iPhone?
Name: {person}; Role: {job}; Reference: {number}
{person}, {job}, joined {org} on {date}.
Prepared by {person} ({job}), {date}. File No. {number}.
Employee {number}: {person}. Department: {department}. Manager: {last}.
The {job} reviewed Case {number} on {date}.
Invoice {number}, Policy {number}, Due Date {date}.
Position: {job}. Department: {department}. Start Date: {date}.
Our {department} team and the {job} will reply before {date}.
Phone: {number}; Account: {number}; Contact: {person}
Patient {person}, seen by the {job} in {department}, Record {number}.""",
    "nl": """Mijn naam is {person} en ik woon op {address}.
Stuur de stukken naar {person}, {address}.
{person} belde over de factuur van {org}.
Beste mevrouw {last}, uw afspraak in {city} staat vast.
Met {first} van {org}, belt u mij terug?
Het contract tussen {org} en {person} loopt af.
De heer {last} en zijn vrouw {first} zijn verhuisd naar {city}.
Kunt u het adres van {person} wijzigen in {address}?
Groeten,\\n{person}\\n{org}
Werkt {person} nog bij {org}?
Ik wil graag een afspraak maken voor vrijdag.
De Belastingdienst stuurt de aangifte in Maart.
Kan ik de rekening ook in het Engels krijgen?
Naam: {person}; Dossier: {number}; Datum: {date}
Factuur {number} van {date}, klant: {person}""",
    "de": """Mein Name ist {person}, ich wohne in {address}.
Bitte senden Sie die Unterlagen an {person}, {address}.
{person} hat wegen der Rechnung von {org} angerufen.
Sehr geehrte Frau {last}, Ihr Termin in {city} ist bestätigt.
Der Vertrag zwischen {org} und {person} läuft aus.
Herr {last} und seine Frau {first} sind nach {city} gezogen.
Arbeitet {person} noch bei {org}?
Mit freundlichen Grüßen\\n{person}\\n{org}
Ich möchte einen Termin am Freitag vereinbaren.
Die Rechnung für den Monat Mai liegt der Post bei.
Kann ich den Vertrag auch auf Englisch bekommen?
Name: {person}; Aktenzeichen: {number}; Datum: {date}
Rechnung {number} vom {date}, Kunde: {person}""",
    "fr": """Je m'appelle {person} et j'habite au {address}.
Envoyez les documents à {person}, {address}.
{person} a appelé au sujet de la facture de {org}.
Chère Madame {last}, votre rendez-vous à {city} est confirmé.
Le contrat entre {org} et {person} prend fin.
M. {last} et sa femme {first} ont déménagé à {city}.
{person} travaille-t-il toujours chez {org} ?
Cordialement,\\n{person}\\n{org}
Je voudrais prendre rendez-vous vendredi.
La facture du mois de Mai est arrivée hier.""",
    "es": """Me llamo {person} y vivo en {address}.
Envíen los documentos a {person}, {address}.
{person} llamó por la factura de {org}.
Estimada señora {last}, su cita en {city} está confirmada.
El contrato entre {org} y {person} termina pronto.
El señor {last} y su esposa {first} se mudaron a {city}.
¿Sigue trabajando {person} en {org}?
Un saludo,\\n{person}\\n{org}
Quisiera pedir una cita para el viernes.
La factura del mes de mayo llegó ayer.""",
}
EXAM = """The complaint was filed by {person} of {address} against {org}.
{first} {last} asked {org} for a copy of the lease.
hello my name is {person}, I want to cancel my order
I am {first}. My husband {person} has an account with you.
The meeting with {person} ({org}) is in {city}.
Deliver it to {address}, attention {person}.
She told {last} that the invoice was wrong.
Our new colleague {person} comes from {city}.
{person}, {person} and {first} are on the list.
Best wishes, {first}"""
