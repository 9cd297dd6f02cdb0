"""The commonest given names and surnames of people in Norway (Statistics Norway), as words."""

from __future__ import annotations

_GIVEN_NAMES = """
jan per bjørn ole lars kjell knut svein thomas arne geir hans morten tor martin andreas odd john
terje kristian nils anders erik daniel marius tore rune fredrik øyvind trond magnus harald
henrik gunnar alexander sverre einar jonas rolf leif espen håkon eirik christian tom helge stian
kåre roar emil frode roger sondre steinar petter pål kenneth kristoffer egil sindre finn olav
vidar jon dag sebastian ivar johan simon stein trygve markus robert mathias kjetil karl tobias
elias jakob jørgen oliver filip william lucas noah oskar isak aksel ludvig mohammed muhammad ali
ahmed omar hassan ibrahim yusuf peter paul michael david adam ola olaf reidar arvid asbjørn
torbjørn oddvar magne ragnar birger sigurd halvor amund asle atle audun bård bent christoffer
eivind erling even gaute gard glenn gjermund haakon halvard inge jarle joakim jostein kim kai
karsten ketil lasse mads nikolai njål nicolai ove odin preben rasmus sigbjørn sigmund snorre
steffen sven thor tormod torstein ulf vegard viktor yngve åge åsmund østein øystein aron theodor
theo kasper henry iver storm jens julian birk håvard arild roy anne inger kari marit ingrid liv
eva berit astrid bjørg hilde anna solveig marianne randi ida nina maria elisabeth kristin bente
heidi silje hanne gerd linda tone tove elin anita wenche ragnhild camilla ellen karin hege ann
else mona marie aud monica julie kristine laila mette turid karen gunn stine reidun helene åse
emma sissel vilde jorunn siri ingeborg line lene grethe marte trine signe unni emilie thea sara
maren nora kirsten sigrid eli ella ruth rita gro malin irene karoline torill mari anette
caroline frida amalie andrea hannah linn martine tonje vigdis ine lise sofie mathilde olivia
maja emily sofia leah ellinor ada alma selma ingvild aurora iben eline oda tuva jenny victoria
fatima aisha amina layla maryam zahra sunniva synnøve synne guro gudrun gunvor borghild aslaug
agnes alice birgit birgitte britt brit cathrine cecilie charlotte christine dagny dagmar ellisiv
edel elise elsa erna esther eirin gunhild helga hedda henriette herdis iselin jane janne
jannicke johanne josefine katrine kaja kjersti klara lena lillian lisbeth liss live lykke
magnhild margit margrethe margareth maud merete mia mina monika oline olga oddny oddbjørg
pernille pia ragna rikke runa sandra sidsel solfrid sonja susanne svanhild tiril tora torunn
ulrikke vibeke vera veronica wenke ylva ågot ane amanda benedicte elena annika piotr krzysztof
tomasz andrzej marcin pawel katarzyna agnieszka magdalena
"""
_AMBIGUOUS = """
dag odd liv stein even tor bjørn kim live storm inge gard signe else ine tone line tove mari gro
mona maja odin ann ada ole per roar leif finn ali birk eli pia mia jan
"""
_SURNAMES = """
hansen johansen olsen larsen andersen pedersen nilsen kristiansen jensen karlsen johnsen
pettersen eriksen berg haugen hagen johannessen andreassen jacobsen dahl jørgensen henriksen
lund halvorsen sørensen jakobsen moen gundersen iversen strand solberg svendsen eide knutsen
martinsen paulsen bakken kristoffersen mathisen lie amundsen rasmussen nguyen lunde solheim
berge moe nygård bakke kristensen fredriksen holm lien hauge christensen andresen nielsen
knudsen evensen sæther aas hanssen myhre haugland thomassen sivertsen simonsen danielsen
berntsen rønning sandvik arnesen tveit næss vik haug antonsen birkeland ellingsen thorsen
edvardsen gulbrandsen aune isaksen mikkelsen ahmed ali nordmann singh khan mohamed hassan
hussain abdi ødegård ruud myklebust aasen strøm helland tangen johannesen eliassen bøe mæland
jenssen helgesen nordby sunde dahle vågen hovland brekke kvam sletten ødegaard abrahamsen
syversen foss gustavsen lorentzen magnussen olaisen tollefsen torgersen tørresen wold wiik
"""
_NOT_SURNAMES = """
amk hf legevakt legevakten sykehus sykehuset universitetssjukehus universitetssykehus sjukehus
sjukehuset hospital ambulanse ambulansestasjon stasjon base bil båt vakt natt kveld dag sentral
sentralen helse nord sør øst vest midt og i på av til fra med som er gate gata gaten vei veien
veg vegen plass plassen torg allé kommune fylke hus senter sykehjem omsorgssenter bo helsehus
flyplass lufthavn kai brygge ikke ble har må skal
"""

GIVEN_NAMES = frozenset(_GIVEN_NAMES.split())
SURNAMES = frozenset(_SURNAMES.split())
# Also ordinary words, places or parts of unit names: these need a common surname beside them.
AMBIGUOUS = frozenset(_AMBIGUOUS.split())
# What follows a given name in names of units and places.
NOT_SURNAMES = frozenset(_NOT_SURNAMES.split())
